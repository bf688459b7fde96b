--- Progress of runs as one line at the bottom, which Neovim doesn't show by itself; the outcome stays in :messages.

local M = {}

--- `vim.g.stepwright.progress = false` leaves it to a plugin, or to the status line.
local function wanted()
  return vim.tbl_get(vim.g, 'stepwright', 'progress') ~= false
end

---@param event { data: { client_id: integer, params: lsp.ProgressParams } } of LspProgress
function M.show(event)
  local client = vim.lsp.get_client_by_id(event.data.client_id)
  local value = event.data.params.value
  if not wanted() or not client or client.name ~= 'stepwright' or type(value) ~= 'table' then
    return
  end
  local text = table.concat({ value.title or 'stepwright', value.message }, ': ')
  if value.percentage then
    text = ('%s (%d%%)'):format(text, value.percentage)
  end
  -- Longer lines would stop Neovim with a hit-enter prompt.
  text = vim.fn.strcharpart(text:gsub('%s+', ' '), 0, math.max(vim.o.columns - 14, 10))
  vim.api.nvim_echo({ { text } }, value.kind == 'end', {})
end

return M
