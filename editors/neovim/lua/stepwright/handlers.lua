--- What the server tells and asks beside the standard protocol, as handlers of its client.

local runs = require('stepwright.runs')

---@type table<string, lsp.Handler>
local handlers = {}

for _, name in ipairs({ 'workflow', 'step', 'usage', 'end' }) do
  handlers['stepwright/' .. name] = function(_, params)
    runs.take(name, params)
  end
end

-- Text of a step comes often, and is shown nowhere.
handlers['stepwright/text'] = function() end

--- Asks for an instruction. The request waits in its coroutine, as Neovim's own questions do.
handlers['stepwright/input'] = function(_, params)
  local co = coroutine.running()
  vim.ui.input({ prompt = ('%s: %s '):format(params.title, params.placeholder), default = params.value }, function(text)
    -- Later, since an input that answers at once would resume before the coroutine yields.
    vim.schedule(function()
      coroutine.resume(co, text)
    end)
  end)
  local text = coroutine.yield()
  return text and { value = text } or vim.NIL
end

return handlers
