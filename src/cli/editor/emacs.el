;; stepwright in Emacs 29 or newer, or Emacs 28 with the package eglot or lsp-mode: for init.el.
;;
;; Use it: M-x eglot-code-actions (lsp-mode: M-x lsp-execute-code-action) shows what stepwright offers at point or for
;; the region. To give an instruction: M-x stepwright-run, or a comment marker (`AI: …') and then the code actions.
;; Results are unsaved, and C-/ undoes them.  Eglot asks before it applies an edit; answered no, the result waits.
;;
;; Warning: Eglot runs ONE server per buffer. Where stepwright runs, the language's own server does not. So this gives
;; it prose, and whatever has no server. For code next to another server, use lsp-mode (below), or the command line.

(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs
               '((markdown-mode gfm-mode org-mode) . ("stepwright-binary" "lsp")))
  ;; At the end, so that modes made from `text-mode' keep their servers.
  (add-to-list 'eglot-server-programs
               '(text-mode . ("stepwright-binary" "lsp")) t))

(defun stepwright-here ()
  "Run stepwright for this buffer's mode, instead of the language's own server."
  (interactive)
  (require 'eglot)
  (let ((eglot-server-programs (list (cons major-mode '("stepwright-binary" "lsp")))))
    (call-interactively #'eglot)))

;; lsp-mode runs several servers per buffer: this one beside whatever is there.
(with-eval-after-load 'lsp-mode
  (lsp-register-client
   (make-lsp-client :new-connection (lsp-stdio-connection '("stepwright-binary" "lsp"))
                    :activation-fn (lambda (&rest _) t)
                    :add-on? t
                    :server-id 'stepwright)))

(defun stepwright--execute (command argument)
  "Send COMMAND with ARGUMENT, a plist, once the server has this buffer's text; Emacs doesn't wait for the answer."
  (cond
   ((bound-and-true-p lsp-mode)
    (lsp-request-async "workspace/executeCommand" (list :command command :arguments (vector argument)) #'ignore
                       :error-handler (lambda (failure) (message "stepwright: %S" failure))))
   ((and (fboundp 'eglot-current-server) (eglot-current-server))
    (jsonrpc-async-request (eglot-current-server) :workspace/executeCommand
                           (list :command command :arguments (vector argument))
                           :success-fn #'ignore
                           :error-fn (lambda (failure) (message "stepwright: %s" (plist-get failure :message)))
                           :deferred :workspace/executeCommand))
   (t (user-error "No server here; try M-x stepwright-here"))))

(defun stepwright--workflows ()
  "The names of all workflows."
  (with-temp-buffer
    (call-process "stepwright-binary" nil '(t nil) nil "workflows" "--json")
    (goto-char (point-min))
    (mapcar (lambda (workflow) (alist-get 'id workflow)) (json-parse-buffer :object-type 'alist))))

(defun stepwright-run (workflow instruction)
  "Run WORKFLOW on this file, or on the lines of the region, with INSTRUCTION."
  (interactive (list (completing-read "Workflow: " (stepwright--workflows) nil t) (read-string "Instruction: ")))
  (stepwright--execute
   "stepwright.run"
   (append (list :workflow workflow :file (buffer-file-name))
           (unless (string-empty-p instruction) (list :instruction instruction))
           (when (use-region-p)
             (list :line_start (line-number-at-pos (region-beginning))
                   :line_end (line-number-at-pos (region-end)))))))

(defun stepwright-cancel ()
  "Cancel every running workflow; Emacs can't do that from the progress message."
  (interactive)
  (stepwright--execute "stepwright.cancel" (list :run nil)))
