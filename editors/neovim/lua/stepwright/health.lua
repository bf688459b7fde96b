--- `:checkhealth stepwright`

local M = {}

local health = vim.health
local NEEDED_VERSION = '0.1.0' -- the oldest server that takes all that is sent from here

---@return string?
local function program()
  local config = vim.lsp.config.stepwright or {}
  return type(config.cmd) == 'table' and config.cmd[1] or nil
end

---@return boolean
local function check_program(name)
  if vim.fn.executable(name) == 0 then
    health.error(('the program `%s` is not found'):format(name), {
      'Install it, so that it is on PATH, or name it before this plugin is loaded:',
      "vim.g.stepwright = { binary = '/path/to/stepwright' }",
    })
    return false
  end
  local answer = vim.system({ name, '--version' }, { text = true, timeout = 5000 }):wait().stdout or ''
  local version = answer:match('^stepwright (%d+%.%d+%.%d+)')
  if not version then
    health.error(('`%s` is another program: it says "%s"'):format(name, vim.trim(answer):sub(1, 80)))
    return false
  elseif vim.version.lt(version, NEEDED_VERSION) then
    health.error(('`%s` is version %s; this plugin needs %s or newer'):format(name, version, NEEDED_VERSION), 'Update it')
    return false
  end
  health.ok(('%s is version %s'):format(vim.fn.exepath(name), version))
  return true
end

--- What the program itself finds out about models, keys and trust.
local function check_set_up(name)
  local done, process = pcall(vim.system, { name, 'doctor', '--json' }, { text = true, timeout = 20000 })
  local decoded, report = pcall(vim.json.decode, done and process:wait().stdout or '')
  if not decoded or type(report.checks) ~= 'table' then
    health.info('this version of the program has no `doctor`')
    return
  end
  for _, check in ipairs(report.checks) do
    local text = ('%s: %s'):format(check.name, check.detail)
    if check.ok then
      health.ok(text)
    else
      health.error(text, check.remedy ~= vim.NIL and check.remedy or nil)
    end
  end
end

function M.check()
  health.start('stepwright')
  if vim.fn.has('nvim-0.11') == 0 then
    health.error('Neovim 0.11 or newer is needed')
    return
  end
  local name = program()
  if not name then
    health.error('there is no configuration of the server', 'The folder of this plugin must be on the runtimepath')
    return
  end
  local found = check_program(name)
  local clients = vim.lsp.get_clients({ name = 'stepwright' })
  if not vim.lsp.is_enabled('stepwright') then
    health.warn('the server is not enabled', "vim.lsp.enable('stepwright')")
  elseif #clients == 0 then
    health.warn('the server is not running', 'It starts with the first file that has a filetype; :checkhealth vim.lsp says more')
  end
  for _, client in ipairs(clients) do
    health.ok(('runs in %s for %d buffer(s)'):format(client.root_dir or '?', vim.tbl_count(client.attached_buffers)))
  end
  if found then
    check_set_up(name)
  end
end

return M
