--- The runs of this session, as the server tells of them.

local M = {}

---@class stepwright.Run
---@field id string
---@field name string "Write Tests"
---@field status string
---@field steps integer how many there are
---@field over integer how many have ended
---@field step? string what is going on
---@field cost? number USD
---@field summary? string how it ended

---@type stepwright.Run[] oldest first
local all = {}
local KEPT = 50 -- older ones are in the history

local OVER = { finished = true, error = true, cancelled = true, skipped = true }
local RUNNING = { pending = true, ['in-progress'] = true, streaming = true }

---@param id string
---@return stepwright.Run?
local function find(id)
  return vim.iter(all):find(function(run)
    return run.id == id
  end)
end

local take = {}

function take.workflow(params)
  local run = find(params.run)
  if not run then
    run = { id = params.run }
    table.insert(all, run)
    if #all > KEPT then
      table.remove(all, 1)
    end
  end
  local workflow = params.workflow
  run.name = workflow.workflow_name:gsub(' Workflow$', '')
  run.status, run.steps = workflow.status, #workflow.steps
  run.modules, run.ended = {}, {}
  for _, step in ipairs(workflow.steps) do
    run.modules[step.step_id] = step.module
    run.ended[step.step_id] = OVER[step.status]
  end
  run.over = vim.tbl_count(run.ended)
end

function take.step(params)
  local run = find(params.run)
  if not run then
    return
  end
  run.ended[params.step_id] = OVER[params.status]
  run.over = vim.tbl_count(run.ended)
  if params.status == 'in-progress' then
    run.step = run.modules[params.step_id]
  end
end

function take.usage(params)
  local run = find(params.run)
  if run and params.cost_usd ~= vim.NIL then
    run.cost = params.cost_usd
  end
end

take['end'] = function(params)
  local run = find(params.run)
  if run then
    run.status, run.summary = params.status, params.summary
  end
end

--- Takes over what the server tells; the name is what follows `stepwright/`.
---@param name string
---@param params table
function M.take(name, params)
  take[name](params)
  vim.api.nvim_exec_autocmds('User', { pattern = 'StepwrightChanged', modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

--- The server has ended, and with it what ran.
function M.interrupt()
  local lost = M.running()
  for _, run in ipairs(lost) do
    run.status = 'interrupted'
  end
  if #lost > 0 and vim.v.exiting == vim.NIL then
    local text = 'stepwright ended during %s; :Stepwright restart, then :Stepwright resume'
    vim.notify(text:format(lost[1].name), vim.log.levels.WARN)
  end
end

---@return stepwright.Run[] newest first
function M.all()
  return vim.iter(all):rev():totable()
end

---@return stepwright.Run[]
function M.running()
  return vim.tbl_filter(function(run)
    return RUNNING[run.status]
  end, M.all())
end

--- USD of all runs of this session; nil when no price is known.
---@return number?
function M.cost()
  local cost
  for _, run in ipairs(all) do
    cost = run.cost and (cost or 0) + run.cost or cost
  end
  return cost
end

return M
