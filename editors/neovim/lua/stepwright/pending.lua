--- Results that wait: shown beside the file as it is, applied, discarded. What they are is the server's word.

local M = {}

local APPLY_KIND = 'refactor.rewrite.stepwright.apply'

---@class stepwright.Waiting
---@field run string
---@field file string
---@field title string "Apply result of Auto to b.py"
---@field edit? lsp.WorkspaceEdit

---@param buffer integer
---@param on_list fun(waiting: stepwright.Waiting[], client: vim.lsp.Client)
local function list(buffer, on_list)
  local client = require('stepwright').client()
  if not client then
    vim.notify('stepwright is not running here; see :checkhealth stepwright', vim.log.levels.ERROR)
    return
  end
  local start = { line = 0, character = 0 }
  client:request('textDocument/codeAction', {
    textDocument = { uri = vim.uri_from_bufnr(buffer) },
    range = { start = start, ['end'] = start },
    context = { diagnostics = {}, only = { APPLY_KIND }, triggerKind = 1 },
  }, function(_, actions)
    local waiting = {}
    for _, action in ipairs(actions or {}) do
      local name = vim.tbl_get(action, 'command', 'arguments', 1) or {}
      if name.run and name.file then
        waiting[#waiting + 1] = { run = name.run, file = name.file, title = action.title, edit = action.edit }
      end
    end
    on_list(waiting, client)
  end, buffer)
end

--- Lets the user pick one; a single one needs no question.
---@param action fun(waiting: stepwright.Waiting, client: vim.lsp.Client)
local function pick(action)
  list(vim.api.nvim_get_current_buf(), function(waiting, client)
    if #waiting == 0 then
      vim.notify('stepwright: no result waits')
    elseif #waiting == 1 then
      action(waiting[1], client)
    else
      vim.ui.select(waiting, {
        prompt = 'Which result?',
        format_item = function(one)
          return one.title
        end,
      }, function(one)
        if one then
          action(one, client)
        end
      end)
    end
  end)
end

---@param edit lsp.WorkspaceEdit
---@return string? uri
---@return lsp.TextEdit[] edits
local function of_file(edit)
  for uri, edits in pairs(edit.changes or {}) do
    return uri, edits
  end
  for _, change in ipairs(edit.documentChanges or {}) do
    if change.edits then
      return change.textDocument.uri, change.edits
    end
  end
  return nil, {}
end

---@param waiting stepwright.Waiting
---@param client vim.lsp.Client
local function compare(waiting, client)
  local uri, edits = of_file(waiting.edit or {})
  local path = uri and vim.uri_to_fname(uri) or vim.fs.joinpath(client.root_dir or vim.fn.getcwd(), waiting.file)
  local buffer = vim.fn.bufadd(path)
  vim.fn.bufload(buffer)
  if not waiting.edit then
    -- The server computes a result against the text of an open document.
    vim.lsp.buf_attach_client(buffer, client.id)
    return list(buffer, function(again)
      local same = vim.iter(again):find(function(one)
        return one.run == waiting.run and one.file == waiting.file
      end)
      if same and same.edit then
        compare(same, client)
      else
        vim.notify('stepwright: this result can\'t be shown beside its file; :Stepwright apply applies it')
      end
    end)
  end
  vim.cmd('tab split')
  vim.api.nvim_set_current_buf(buffer)
  local result = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(result, 0, -1, false, vim.api.nvim_buf_get_lines(buffer, 0, -1, false))
  vim.lsp.util.apply_text_edits(edits, result, client.offset_encoding)
  vim.bo[result].filetype = vim.bo[buffer].filetype
  vim.bo[result].bufhidden = 'wipe'
  vim.bo[result].modifiable = false
  vim.api.nvim_buf_set_name(result, ('stepwright://%s/%s'):format(waiting.run, waiting.file))
  vim.cmd.diffthis()
  vim.cmd('rightbelow vertical sbuffer ' .. result)
  vim.cmd.diffthis()
  vim.t.stepwright_waiting = { run = waiting.run, file = waiting.file }
  vim.notify('stepwright: :Stepwright apply or :Stepwright discard')
end

--- Shows a waiting result in a new tab.
function M.show()
  pick(compare)
end

---@param command 'stepwright.apply'|'stepwright.discard'
function M.finish(command)
  local shown = vim.t.stepwright_waiting
  local function finish(waiting)
    require('stepwright').execute(command, { run = waiting.run, file = waiting.file })
  end
  if not shown then
    return pick(finish)
  end
  vim.cmd('diffoff!')
  if #vim.api.nvim_list_tabpages() > 1 then
    vim.cmd.tabclose()
  end
  finish(shown)
end

return M
