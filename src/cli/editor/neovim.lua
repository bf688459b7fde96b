-- stepwright in Neovim 0.11 or newer, for ~/.config/nvim/init.lua. Not together with the plugin
-- (`editors/neovim`), which does the same and more: it asks for instructions, shows waiting results beside their files,
-- and has a status line.
--
-- Use it: `gra` on a line or a selection shows what stepwright offers there. To give an instruction:
--   :Stepwright auto Add a doc comment to every public item
--   :'<,'>Stepwright chat What does this do?
--   :Stepwright write-tests
--   :Stepwright cancel
-- or as a comment marker (`AI: …`, then `gra`). Results are unsaved: `u` takes them back, `:wa` keeps them.

local binary = "stepwright-binary"

vim.lsp.config('stepwright', {
  cmd = { binary, 'lsp' },
  -- No `filetypes`: it works with every kind of file. A folder that nobody marked is a workspace, too.
  root_dir = function(buffer, on_dir)
    on_dir(vim.fs.root(buffer, { '.stepwright', '.git', '.hg' }) or vim.fn.getcwd())
  end,
})
vim.lsp.enable('stepwright')

-- Neovim shows no progress by itself: one line at the bottom, and the outcome in :messages.
vim.api.nvim_create_autocmd('LspProgress', {
  group = vim.api.nvim_create_augroup('stepwright', { clear = true }),
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    local value = event.data.params.value
    if not client or client.name ~= 'stepwright' or type(value) ~= 'table' then
      return
    end
    local text = table.concat({ value.title or 'stepwright', value.message }, ': ')
    if value.percentage then
      text = ('%s (%d%%)'):format(text, value.percentage)
    end
    -- Longer lines would stop Neovim with a hit-enter prompt.
    text = vim.fn.strcharpart(text:gsub('%s+', ' '), 0, math.max(vim.o.columns - 14, 10))
    vim.api.nvim_echo({ { text } }, value.kind == 'end', {})
  end,
})

local function execute(command, argument)
  local client = vim.lsp.get_clients({ name = 'stepwright', bufnr = 0 })[1]
    or vim.lsp.get_clients({ name = 'stepwright' })[1]
  if not client then
    vim.notify('stepwright is not running here; see :checkhealth vim.lsp', vim.log.levels.ERROR)
    return
  end
  client:exec_cmd({ title = command, command = command, arguments = { argument } }, { bufnr = 0 })
end

vim.api.nvim_create_user_command('Stepwright', function(call)
  -- Neovim can't cancel from the progress message.
  if call.args == 'cancel' then
    return execute('stepwright.cancel', vim.empty_dict())
  end
  local argument = { workflow = call.fargs[1], uri = vim.uri_from_bufnr(0) }
  local instruction = vim.trim(call.args:sub(#argument.workflow + 1))
  argument.instruction = instruction ~= '' and instruction or nil
  if call.range > 0 then
    argument.line_start, argument.line_end = call.line1, call.line2
  end
  execute('stepwright.run', argument)
end, {
  desc = 'Run a stepwright workflow: name, then the instruction; or cancel every one',
  nargs = '+',
  range = true,
  complete = function(lead, line)
    if #vim.split(line, '%s+', { trimempty = false }) > 2 then
      return {}
    end
    local listed = vim.system({ binary, 'workflows', '--json' }, { text = true }):wait()
    local decoded, workflows = pcall(vim.json.decode, listed.stdout or '')
    local names = vim.startswith('cancel', lead) and { 'cancel' } or {}
    for _, workflow in ipairs(decoded and workflows or {}) do
      if vim.startswith(workflow.id, lead) then
        names[#names + 1] = workflow.id
      end
    end
    return names
  end,
})
