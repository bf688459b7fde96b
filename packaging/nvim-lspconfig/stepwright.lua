---@brief
---
--- https://github.com/OWNER/stepwright
---
--- Runs AI workflows (chat, write, write pages, write tests, one instruction over many files) as code actions, with any
--- model. Without `filetypes` it attaches to every file, beside other servers.
---
--- `cargo install stepwright`

---@type vim.lsp.Config
return {
  cmd = { 'stepwright', 'lsp' },
  root_markers = { '.stepwright', '.git', '.hg' },
}
