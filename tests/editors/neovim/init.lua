-- A fresh user's Neovim: no plugins but ours, if the scenario has it; else the configuration that `stepwright editor neovim` prints,
-- pasted.
vim.o.swapfile = false
vim.o.hidden = true
if vim.env.SCENARIO_PLUGIN then
  -- As in a folder of plugins: its `plugin/` is read after this file.
  vim.opt.runtimepath:append(vim.env.SCENARIO_PLUGIN)
  return
end
local valid, pasted = pcall(dofile, vim.env.SCENARIO_CONFIGURATION)
if not valid then
  io.stdout:write(vim.json.encode({ kind = 'fail', v = 'the printed configuration is no valid Lua: ' .. pasted }) .. '\n')
  vim.cmd('cquit 1')
elseif type(pasted) == 'table' then -- a file for `lsp/`, which Neovim reads by its name
  vim.lsp.config('stepwright', pasted)
  vim.lsp.enable('stepwright')
end
