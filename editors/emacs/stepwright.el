;; stepwright in Emacs 29 or newer: for init.el.
;;
;; Use it: M-x eglot-code-actions shows what stepwright offers at point or for the region. To give an instruction:
;; M-x stepwright-run, or a comment marker (`AI: …') and then the code actions. Results are unsaved, and C-/ undoes.
;;
;; Warning: Eglot runs ONE server per buffer. Where stepwright runs, the language's own server does not. So this gives
;; it prose, and whatever has no server. For code next to another server, use lsp-mode (below), or the command line.

(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs
               '((markdown-mode gfm-mode org-mode) . ("stepwright" "lsp")))
  ;; At the end, so that modes made from `text-mode' keep their servers.
  (add-to-list 'eglot-server-programs
               '(text-mode . ("stepwright" "lsp")) t))

(defun stepwright-here ()
  "Run stepwright for this buffer's mode, instead of the language's own server."
  (interactive)
  (require 'eglot)
  (let ((eglot-server-programs (list (cons major-mode '("stepwright" "lsp")))))
    (call-interactively #'eglot)))

(defun stepwright-run (workflow instruction)
  "Run WORKFLOW on this file, or on the lines of the region, with INSTRUCTION."
  (interactive (list (read-string "Workflow: " "auto") (read-string "Instruction: ")))
  (jsonrpc-async-request
   (or (eglot-current-server) (user-error "No server here; try M-x stepwright-here"))
   :workspace/executeCommand
   (list :command "stepwright.run"
         :arguments (vector (append
                             (list :workflow workflow :instruction instruction :file (buffer-file-name))
                             (when (use-region-p)
                               (list :line_start (line-number-at-pos (region-beginning))
                                     :line_end (line-number-at-pos (region-end)))))))
   :success-fn #'ignore
   :error-fn (lambda (failure) (message "stepwright: %s" (plist-get failure :message)))))

;; lsp-mode runs several servers per buffer: this one beside whatever is there.
(with-eval-after-load 'lsp-mode
  (lsp-register-client
   (make-lsp-client :new-connection (lsp-stdio-connection '("stepwright" "lsp"))
                    :activation-fn (lambda (&rest _) t)
                    :add-on? t
                    :server-id 'stepwright)))
