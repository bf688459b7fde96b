-- The server, for `vim.lsp.enable('stepwright')`. Settings of yours are merged over this: `vim.lsp.config('stepwright', { … })`.

---@type vim.lsp.Config
return {
  cmd = { vim.tbl_get(vim.g, 'stepwright', 'binary') or 'stepwright', 'lsp' },
  -- No `filetypes`: it works with every kind of file. A folder that nobody marked is a workspace, too.
  root_dir = function(buffer, on_dir)
    on_dir(vim.fs.root(buffer, { '.stepwright', '.git', '.hg' }) or vim.fn.getcwd())
  end,
  init_options = { stepwright = { events = true, inputBox = true } },
  handlers = require('stepwright.handlers'),
  on_exit = vim.schedule_wrap(function()
    require('stepwright.runs').interrupt()
  end),
}
