-- A fresh user's Neovim: no plugins, and the configuration that `stepwright editor neovim` prints, pasted.
-- The server is `stepwright` on the PATH, as that configuration says.
vim.o.swapfile = false
vim.o.hidden = true
local pasted = dofile(vim.env.SCENARIO_CONFIGURATION)
if type(pasted) == 'table' then -- a file for `lsp/`, which Neovim reads by its name
  vim.lsp.config('stepwright', pasted)
  vim.lsp.enable('stepwright')
end
