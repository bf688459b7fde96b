-- Starts the server with files, and adds `:Stepwright`. Everything else is loaded when it is used.

if vim.g.loaded_stepwright then
  return
end
vim.g.loaded_stepwright = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.notify('stepwright needs Neovim 0.11 or newer', vim.log.levels.ERROR)
  return
end

local group = vim.api.nvim_create_augroup('stepwright', { clear = true })

vim.api.nvim_create_autocmd('LspProgress', {
  group = group,
  desc = 'Show progress of stepwright',
  callback = function(event)
    require('stepwright.progress').show(event)
  end,
})

vim.api.nvim_create_user_command('Stepwright', function(call)
  require('stepwright.command').run(call)
end, {
  desc = 'Run a stepwright workflow, or do something about runs',
  nargs = '*',
  range = true,
  complete = function(lead, line)
    return require('stepwright.command').complete(lead, line)
  end,
})

local config = vim.lsp.config.stepwright
local program = config and type(config.cmd) == 'table' and config.cmd[1]
if program and vim.fn.executable(program) == 0 then
  -- Neovim would say so again with every file.
  vim.notify_once(('stepwright: the program `%s` is not found; see :checkhealth stepwright'):format(program), vim.log.levels.WARN)
else
  vim.lsp.enable('stepwright')
end
