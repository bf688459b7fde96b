--- The client of the stepwright server, for commands and status lines.

local runs = require('stepwright.runs')

local M = {}

--- The client of the current buffer, else any.
---@return vim.lsp.Client?
function M.client()
  return vim.lsp.get_clients({ name = 'stepwright', bufnr = 0 })[1] or vim.lsp.get_clients({ name = 'stepwright' })[1]
end

--- Carries out one of the server's commands, such as `stepwright.run`.
---@param command string
---@param argument? table
function M.execute(command, argument)
  local client = M.client()
  if not client then
    vim.notify('stepwright is not running here; see :checkhealth stepwright', vim.log.levels.ERROR)
    return
  end
  -- An empty table would be an empty list.
  argument = (argument == nil or vim.tbl_isempty(argument)) and vim.empty_dict() or argument
  client:exec_cmd({ title = command, command = command, arguments = { argument } }, { bufnr = 0 })
end

--- Ends the server and starts it anew for the files that are open.
function M.restart()
  vim.lsp.enable('stepwright', false)
  for _, client in ipairs(vim.lsp.get_clients({ name = 'stepwright' })) do
    client:stop()
  end
  local function is_gone()
    return #vim.lsp.get_clients({ name = 'stepwright' }) == 0
  end
  local PATIENCE_MS = 3000 -- the server needs two seconds at most
  if not vim.wait(PATIENCE_MS, is_gone, 20) then
    for _, client in ipairs(vim.lsp.get_clients({ name = 'stepwright' })) do
      client:stop(true)
    end
  end
  vim.lsp.enable('stepwright')
end

--- For a status line: "Write Tests 2/5 Plan Tests · $0.0123", or what the session has cost, or nothing.
---@return string
function M.statusline()
  local running = runs.running()
  local cost = runs.cost()
  local parts = {}
  if #running == 1 then
    local run = running[1]
    parts[1] = ('%s %d/%d %s'):format(run.name, math.min(run.over + 1, run.steps), run.steps, run.step or '')
  elseif #running > 1 then
    parts[1] = #running .. ' workflows running'
  end
  if cost and cost > 0 then
    parts[#parts + 1] = ('$%.4f'):format(cost)
  end
  -- Status lines read `%` as the beginning of an item.
  return (vim.trim(table.concat(parts, ' · ')):gsub('%%', '%%%%'))
end

return M
