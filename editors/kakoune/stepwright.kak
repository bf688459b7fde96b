# stepwright in Kakoune with kakoune-lsp 18 or newer: for kakrc, below the line that loads kakoune-lsp.
#
# Use it: `lsp-code-actions` (in the lsp user mode: a) shows what stepwright offers. An instruction is written as a
# comment marker (`AI: …`, then the code actions), in a prompt document, or typed:
#   :lsp-execute-command stepwright.run '[{"workflow": "chat", "instruction": "What is this project?"}]'
# Edits to files that aren't open are written to disk at once: kakoune-lsp does that with every server.

declare-option -hidden str stepwright_server %{
    [stepwright]
    command = "stepwright"
    args = ["lsp"]
    root_globs = [".stepwright", ".git", ".hg"]
}

# Beside the servers that a file type has already, and once, even when the file type is set again.
hook -group stepwright global BufSetOption filetype=.+ %{
    evaluate-commands %sh{
        case "$kak_opt_lsp_servers" in
            (*'[stepwright]'*) ;;
            (*) printf '%s\n' 'set-option -add buffer lsp_servers %opt{stepwright_server}' ;;
        esac
    }
}
hook -group stepwright global WinSetOption filetype=.+ %{ lsp-enable-window }
