--- The command `:Stepwright`: a verb of its own, or the name of a workflow and an instruction.

local M = {}

---@class stepwright.Call
---@field argument table what a command is about: the document, the selected lines
---@field words string[] what follows the verb
---@field rest string the same as it was typed

---@param files string[]
---@return string[]
local function uris(files)
  return vim.tbl_map(function(file)
    return vim.uri_from_fname(vim.fn.fnamemodify(file, ':p'))
  end, files)
end

local function execute(command, argument)
  require('stepwright').execute(command, argument)
end

---@return string[] ids of workflows; empty when the program can't be asked
local function workflows()
  local config = vim.lsp.config.stepwright or {}
  local program = type(config.cmd) == 'table' and config.cmd[1] or 'stepwright'
  local asked, process = pcall(vim.system, { program, 'workflows', '--json' }, { text = true, timeout = 2000 })
  local listed = asked and process:wait().stdout or ''
  local decoded, entries = pcall(vim.json.decode, listed)
  return vim.tbl_map(function(entry)
    return entry.id
  end, decoded and entries or {})
end

--- Carries a command out on a run: the one that is named, else the only one that fits, else the one that is picked.
local function on_run(command, fits)
  ---@param call stepwright.Call
  return function(call)
    if call.words[1] then
      return execute(command, { run = call.words[1] })
    end
    local runs = require('stepwright.runs')[fits]()
    if #runs == 0 then
      return vim.notify(fits == 'running' and 'stepwright: nothing is running' or 'stepwright: there is no run in this session yet')
    elseif #runs == 1 then
      return execute(command, { run = runs[1].id })
    end
    vim.ui.select(runs, {
      prompt = 'Which run?',
      format_item = function(run)
        return ('%s (%s)%s'):format(run.name, run.status, run.summary and ': ' .. run.summary or '')
      end,
    }, function(run)
      if run then
        execute(command, { run = run.id })
      end
    end)
  end
end

--- `command` on a workflow: the one that is named, else the one that is picked.
local function on_workflow(command)
  ---@param call stepwright.Call
  return function(call)
    local function start(workflow, instruction)
      if not workflow then
        return
      end
      local argument = vim.tbl_extend('force', call.argument, { workflow = workflow })
      argument.instruction = instruction ~= '' and instruction or nil
      execute(command, argument)
    end
    if call.words[1] then
      return start(call.words[1], vim.trim(call.rest:sub(#call.words[1] + 1)))
    end
    vim.ui.select(workflows(), { prompt = 'Which workflow?' }, start)
  end
end

---@type table<string, fun(call: stepwright.Call)>
local verbs = {
  run = on_workflow('stepwright.run'),
  estimate = on_workflow('stepwright.estimate'),
  cancel = function(call)
    execute('stepwright.cancel', { run = call.words[1] })
  end,
  retry = on_run('stepwright.retry', 'all'),
  resume = on_run('stepwright.resume', 'all'),
  revert = on_run('stepwright.revert', 'all'),
  show = on_run('stepwright.showRun', 'all'),
  history = function()
    execute('stepwright.showHistory')
  end,
  select = function(call)
    execute('stepwright.select', #call.words > 0 and { files = uris(call.words) } or { uri = call.argument.uri })
  end,
  deselect = function(call)
    execute('stepwright.deselect', #call.words > 0 and { files = uris(call.words) } or { uri = call.argument.uri })
  end,
  clear = function()
    execute('stepwright.clearSelection')
  end,
  new = function(call)
    execute('stepwright.newPrompt', { workflow = call.words[1] or 'chat', files = { call.argument.uri } })
  end,
  restart = function()
    require('stepwright').restart()
  end,
  pending = function()
    require('stepwright.pending').show()
  end,
  apply = function()
    require('stepwright.pending').finish('stepwright.apply')
  end,
  discard = function()
    require('stepwright.pending').finish('stepwright.discard')
  end,
}

--- `:Stepwright VERB …`, or `:Stepwright WORKFLOW INSTRUCTION`; alone it lets pick a workflow.
---@param call vim.api.keyset.create_user_command.command_args
function M.run(call)
  local verb = call.fargs[1] or 'run'
  local argument = { uri = vim.uri_from_bufnr(0) }
  if call.range > 0 then
    argument.line_start, argument.line_end = call.line1, call.line2
  end
  local known = verbs[verb]
  if known then
    local rest = vim.trim(call.args:sub(#verb + 1))
    known({ argument = argument, words = vim.list_slice(call.fargs, 2), rest = rest })
  else
    verbs.run({ argument = argument, words = call.fargs, rest = call.args })
  end
end

---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local words = vim.split(line:gsub('^.-Stepwright!?%s*', ''), '%s+')
  local found = {}
  if #words <= 1 then
    found = vim.list_extend(workflows(), vim.tbl_keys(verbs))
  elseif words[1] == 'select' or words[1] == 'deselect' then
    return vim.fn.getcompletion(lead, 'file')
  elseif #words == 2 and vim.list_contains({ 'run', 'estimate', 'new' }, words[1]) then
    found = workflows()
  elseif #words == 2 and vim.list_contains({ 'cancel', 'retry', 'resume', 'revert', 'show' }, words[1]) then
    found = vim.tbl_map(function(run)
      return run.id
    end, require('stepwright.runs')[words[1] == 'cancel' and 'running' or 'all']())
  end
  table.sort(found)
  return vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, found)
end

return M
