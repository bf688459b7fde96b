-- Plays one scenario as a user would and says what was seen, one JSON object `{"kind", "v"}` a line.
-- Judges nothing: expectations are compared elsewhere. Ends with status 1 and a `fail` line if a step can't be taken in time.
local scenario = vim.json.decode(table.concat(vim.fn.readfile(vim.env.SCENARIO), '\n'))
local deadline_ms = scenario.deadline_s * 1000
local POLL_MS = 10 -- how often a condition is looked at while Neovim's own event loop runs

local shown = {} -- progress texts and messages, in order
local ended = 0 -- progress tokens

local function say(kind, value)
  io.stdout:write(vim.json.encode({ kind = kind, v = value }) .. '\n')
  io.stdout:flush()
end

local function fail(why)
  say('fail', why)
  vim.cmd('cquit 1')
end

---@param what string for the failure
---@param condition fun(): any
local function await(what, condition)
  if not vim.wait(deadline_ms, condition, POLL_MS) then
    fail(('waited %d s for %s'):format(scenario.deadline_s, what))
  end
end

local function has_shown(text)
  return vim.iter(shown):any(function(line) return line:find(text, 1, true) end)
end

vim.api.nvim_create_autocmd('LspProgress', {
  callback = function(ev)
    local value = ev.data.params.value
    say('progress', { token = ev.data.params.token, kind = value.kind, title = value.title, message = value.message })
    table.insert(shown, value.message or '')
    ended = ended + (value.kind == 'end' and 1 or 0)
  end,
})

local show_message = vim.lsp.handlers['window/showMessage']
vim.lsp.handlers['window/showMessage'] = function(err, params, ctx)
  say('message', params.message)
  table.insert(shown, params.message)
  return show_message(err, params, ctx)
end

local apply_edit = vim.lsp.handlers['workspace/applyEdit']
vim.lsp.handlers['workspace/applyEdit'] = function(err, params, ctx)
  local result = apply_edit(err, params, ctx)
  say('edit', result)
  return result
end

-- The answer to the next question for a text.
local answer
vim.ui.input = function(opts, on_confirm)
  say('input', opts.prompt)
  on_confirm(answer)
end

-- Every menu of the client goes through vim.ui.select. Code actions are picked by title; of other questions, the first answer.
local wanted, picked
vim.ui.select = function(items, opts, on_choice)
  local titles = vim.tbl_map(opts.format_item or tostring, items)
  say('menu', titles)
  if opts.kind ~= 'codeaction' then
    return on_choice(items[1], 1)
  end
  for i, title in ipairs(titles) do
    if vim.startswith(title, wanted) then
      picked = title
      return on_choice(items[i], i)
    end
  end
  fail(('no `%s` in the menu: %s'):format(wanted, table.concat(titles, ', ')))
end

local client
local take = {}

-- Picks the code action whose title begins with this. An empty answer is shown by a notification, not by a menu.
function take.pick(title)
  wanted, picked = title, nil
  local notify = vim.notify
  vim.notify = function(text) fail(('no menu for `%s`: %s'):format(title, text)) end
  vim.lsp.buf.code_action()
  await('a menu with ' .. title, function() return picked end)
  vim.notify = notify
end

function take.run(step)
  client:exec_cmd({ title = step.command, command = step.command, arguments = { step.argument } }, nil, function(err, result)
    say('answer', { command = step.command, error = err and err.message, null = result == nil or result == vim.NIL })
  end)
end

-- Runs a command of the editor's own command line.
function take.ex(command)
  vim.cmd(command)
end

-- Answers the next question for a text with this.
function take.answer(text)
  answer = text
end

-- Waits until the plugin's status line contains this.
function take.status(text)
  await('the status `' .. text .. '`', function() return require('stepwright').statusline():find(text, 1, true) end)
end

-- Waits until a visible window shows this.
function take.window(text)
  await('a window with `' .. text .. '`', function()
    return vim.iter(vim.api.nvim_list_wins()):any(function(window)
      local lines = vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false)
      return table.concat(lines, '\n'):find(text, 1, true) ~= nil
    end)
  end)
end

-- Waits until a progress text or a message contains this.
function take.see(text)
  await('`' .. text .. '`', function() return has_shown(text) end)
end

function take.keys(keys)
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, false, true), 'tx', false)
  -- Before it waits for the next key, which it never does here, Neovim begins a new undo block.
  vim.cmd 'let &undolevels = &undolevels'
end

function take.open(file)
  vim.cmd.edit(vim.fn.fnameescape(file))
end

-- Waits until the current buffer holds this.
function take.shows(text)
  await('`' .. text .. '` in the buffer', function()
    return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n'):find(text, 1, true)
  end)
end

-- Waits until the current buffer is underlined for these diagnostics of ours, and no others.
function take.marks(messages)
  await(#messages .. ' diagnostics: ' .. table.concat(messages, ', '), function()
    local found = vim.diagnostic.get(0)
    local marks = vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true, type = 'highlight' })
    local underlined = vim.tbl_filter(function(mark)
      return tostring(mark[4].hl_group):find('DiagnosticUnderline', 1, true)
    end, marks)
    table.sort(found, function(a, b) return a.lnum < b.lnum end)
    return #found == #messages and #underlined == #messages and vim.iter(ipairs(messages)):all(function(i, message)
      return found[i].source == 'stepwright' and found[i].message:find(message, 1, true)
    end)
  end)
end

-- Takes the completion of this label at the cursor, which stands on the last letter typed. Asks until there is one: keys that a script
-- types reach the server a moment later.
function take.complete(label)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  local started = vim.uv.now()
  while vim.uv.now() - started < deadline_ms do
    local answer = client:request_sync('textDocument/completion', params, deadline_ms, vim.api.nvim_get_current_buf())
    local items = answer and type(answer.result) == 'table' and answer.result.items or {}
    for _, item in ipairs(items) do
      if item.label == label then
        return vim.lsp.util.apply_text_edits({ item.textEdit }, vim.api.nvim_get_current_buf(), client.offset_encoding)
      end
    end
    vim.wait(POLL_MS)
  end
  fail('no completion ' .. label)
end

-- Waits until this many runs have ended since the start.
function take.finish(runs)
  await(('the end of %d run(s)'):format(runs), function() return ended >= runs end)
end

local function buffers()
  local all = vim.empty_dict()
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    local name = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(buffer), ':.')
    if name ~= '' and vim.api.nvim_buf_is_loaded(buffer) then
      all[name] = {
        modified = vim.bo[buffer].modified,
        text = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), '\n'),
      }
    end
  end
  return all
end

vim.cmd.edit(vim.fn.fnameescape(scenario.open))
await('the server', function()
  client = vim.lsp.get_clients({ bufnr = 0, name = 'stepwright' })[1]
  return client and client.initialized
end)
say('attached', client.server_info or vim.NIL)

for _, step in ipairs(scenario.steps) do
  local kind, value = next(step)
  local taken, why = pcall(take[kind], value)
  if not taken then -- else Neovim would wait for somebody to read the error
    fail(('%s: %s'):format(kind, why))
  end
end

-- What the server sent before it answers this has been handled by then.
client:request_sync('textDocument/codeAction', {
  textDocument = vim.lsp.util.make_text_document_params(0),
  range = { start = { line = 0, character = 0 }, ['end'] = { line = 0, character = 0 } },
  context = { diagnostics = {} },
}, deadline_ms, 0)
say('buffers', buffers())
vim.cmd('silent! wall')
client:stop()
await('the server to end', function() return not vim.lsp.get_client_by_id(client.id) end)
vim.cmd('qall!')
