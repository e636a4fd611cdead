-- Reads entries of schedules, whatever stands at their keys.
-- KEYS  entries
-- Returns per key {definition, meta, ours}, each '' where it is missing; {} for no key, {'?', '', ''} for no hash.
local found = {}
for i, key in ipairs(KEYS) do
  local fields = redis.pcall('HMGET', key, 'definition', 'meta', 'carillon')
  -- guard: what is no hash is no entry, and must not hide the others
  if fields.err then
    found[i] = {'?', '', ''}
  elseif fields[1] or fields[2] or fields[3] then
    found[i] = {fields[1] or '', fields[2] or '', fields[3] or ''}
  else
    found[i] = {}
  end
end
return found
