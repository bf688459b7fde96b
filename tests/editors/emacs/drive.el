;;; drive.el --- A person at Emacs, in batch mode  -*- lexical-binding: t -*-
;; Opens a file, connects with Eglot or lsp-mode through the configuration that `stepwright editor emacs' prints, does the
;; steps of the scenario, saves everything.  What is shown goes to standard output, one JSON object a line.  The questions
;; that a person would answer (which code action, apply these edits?) are answered here.
(require 'json)
(require 'seq)
(require 'cl-lib)
(package-initialize)
(setq make-backup-files nil create-lockfiles nil use-dialog-box nil
      eglot-sync-connect 30 eglot-autoshutdown nil
      lsp-auto-guess-root t lsp-restart 'ignore lsp-enable-suggest-server-download nil lsp-enable-snippet nil
      lsp-enabled-clients '(stepwright))

(defvar scenario (with-temp-buffer
                   (insert-file-contents (getenv "SCENARIO"))
                   (json-parse-buffer :object-type 'alist)))
(defvar deadline-s (alist-get 'deadline_s scenario))
(defvar lsp-client-p (equal (alist-get 'client scenario) "lsp-mode"))
(defvar shown nil "What was shown, newest first.")

(defun say (kind value)
  (princ (concat (json-encode `((kind . ,kind) (v . ,value))) "\n")))

(defun fail (format &rest arguments)
  (say "fail" (apply #'format format arguments))
  (kill-emacs 1))

(defun await (what done)
  "Let Emacs work until DONE returns non-nil; WHAT names it if that takes too long."
  (let ((deadline (+ (float-time) deadline-s)))
    (while (not (funcall done))
      (when (> (float-time) deadline)
        (fail "%s didn't come within %s s; shown was %S" what deadline-s (reverse shown)))
      (accept-process-output nil 0.05)
      ;; Batch mode is never idle, so the timer by which Eglot sends changes has to be rung here.
      (mapc #'timer-event-handler (copy-sequence timer-idle-list)))))

(defun watch-message (text)
  (push text shown)
  (say "message" text))

(defun watch-progress (token value)
  (let ((text (or (plist-get value :message) "")))
    (push text shown)
    (say "progress" `((token . ,token) (kind . ,(plist-get value :kind)) (message . ,text)))))

(fset 'y-or-n-p (lambda (prompt &rest _) (say "question" prompt) t))
(fset 'yes-or-no-p #'y-or-n-p)

(defun connect-eglot ()
  (require 'eglot)
  (cl-defmethod eglot-handle-notification :before
    ((_server eglot-lsp-server) (_method (eql window/showMessage)) &key message &allow-other-keys)
    (watch-message message))
  (cl-defmethod eglot-handle-notification :before
    ((_server eglot-lsp-server) (_method (eql $/progress)) &key token value &allow-other-keys)
    (watch-progress token value))
  (stepwright-here)
  (await "the server" #'eglot-current-server))

(defun connect-lsp-mode ()
  (require 'lsp-mode)
  (advice-add 'lsp--window-show-message :before
              (lambda (_workspace params) (watch-message (or (lsp-get params :message) ""))))
  (advice-add 'lsp-on-progress-modeline :before
              (lambda (_workspace params)
                (let ((value (lsp-get params :value)))
                  (watch-progress (lsp-get params :token)
                                  (list :kind (lsp-get value :kind) :message (lsp-get value :message))))))
  (lsp)
  (await "the server" (lambda () (and (lsp-workspaces)
                                      (eq 'initialized (lsp--workspace-status (car (lsp-workspaces))))))))

(defun choose (title)
  "A `completing-read' that picks the item that begins with TITLE."
  (lambda (_prompt items &rest _)
    (let ((titles (all-completions "" items)))
      (say "menu" (vconcat titles))
      (or (seq-find (lambda (item) (string-prefix-p title item)) titles)
          (fail "no `%s' in the menu: %s" title titles)))))

(defun take-pick (title)
  (cl-letf (((symbol-function 'completing-read) (choose title))
            (last-nonmenu-event ?\r)) ; otherwise a menu of the mouse
    (call-interactively (if lsp-client-p #'lsp-execute-code-action #'eglot-code-actions))))

(defun take-ask (step)
  (stepwright-run (alist-get 'workflow step) (alist-get 'instruction step)))

(defun take-cancel (_)
  (stepwright-cancel))

(defun take-type (text)
  "At the end, as typing does: each of TEXT's characters is a change."
  (goto-char (point-max))
  (seq-doseq (character text)
    (insert character)))

(defun take-see (text)
  (await text (lambda () (seq-some (lambda (one) (string-match-p (regexp-quote text) one)) shown))))

(defun buffers ()
  (let ((all (make-hash-table :test #'equal)))
    (dolist (buffer (buffer-list))
      (when-let ((file (buffer-file-name buffer)))
        (with-current-buffer buffer
          (puthash (file-relative-name file (getenv "WORKSPACE"))
                   `((modified . ,(if (buffer-modified-p) t :json-false))
                     (text . ,(buffer-substring-no-properties (point-min) (point-max))))
                   all))))
    all))

(load (getenv "SCENARIO_CONFIGURATION") nil t t)
(find-file (expand-file-name (alist-get 'open scenario) (getenv "WORKSPACE")))
(if lsp-client-p (connect-lsp-mode) (connect-eglot))
(say "attached" (alist-get 'client scenario))

(condition-case failure
    (seq-doseq (step (alist-get 'steps scenario))
      (pcase-let ((`((,kind . ,value)) step))
        (funcall (intern (format "take-%s" kind)) value)))
  (error (fail "Emacs raised an error: %s" (error-message-string failure))))

(say "buffers" (buffers))
(dolist (buffer (buffer-list))
  (with-current-buffer buffer
    (when (and (buffer-file-name) (buffer-modified-p))
      ;; lsp-mode made the new file on disk after its buffer, at which saving would ask.
      (set-visited-file-modtime)
      (save-buffer))))
;; lsp-mode does the same when Emacs ends.
(unless lsp-client-p
  (eglot-shutdown (eglot-current-server)))
(kill-emacs 0)
