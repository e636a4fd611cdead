-- Accepts a cause and, where the queues are beside the ledger, puts the hints of its runs into them.
-- KEYS  as in acceptance.lua, then the queues' lists
-- ARGV  as in acceptance.lua, then per list: how many hints, the hints..
-- Returns {OK|DUP|CONFLICT|FULL, id}.
local answer, new = accept_cause({unpack(KEYS, AFTER_STATES)}, ARGV)
-- guard: hints go out once, with what they are about
if new then
  local list, at = AFTER_STATES + 4 + tonumber(ARGV[7]) + 3 * tonumber(ARGV[8]), 10 + 5 * tonumber(ARGV[8])
  while KEYS[list] do
    local last = at + tonumber(ARGV[at])
    -- A queue that is no list must not undo what is recorded: the sweeper sees to its hints.
    redis.pcall('LPUSH', KEYS[list], unpack(ARGV, at + 1, last))
    list, at = list + 1, last + 1
  end
end
return answer
