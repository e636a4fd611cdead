"""Time passes for a ledger: the server's clock cannot be set, so everything that the ledger remembers moves back."""

import redis

from core.ledger.keys import ASIDE, Keys

# A time in ms since the epoch has 13 digits, with ASIDE 15; places (ms * 1024 + n) have 16 and stay: they are an order,
# no times.
GROW = """
local prefix, ms, aside = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local function is_time(value)
  local number = tonumber(value)
  return number and number % aside >= 1e12 and number % aside < 1e13 and number < aside + 1e13
end
for _, key in ipairs(redis.call('KEYS', prefix .. '*')) do
  local kind = redis.call('TYPE', key).ok
  if kind == 'zset' and string.sub(key, #prefix + 1, #prefix + 6) ~= 'fires:' then
    local found = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #found, 2 do
      if is_time(found[i + 1]) then redis.call('ZINCRBY', key, -ms, found[i]) end
    end
  elseif kind == 'hash' then
    local found = redis.call('HGETALL', key)
    for i = 1, #found, 2 do
      if is_time(found[i + 1]) then redis.call('HINCRBY', key, found[i], -ms) end
    end
  end
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIRE', key, math.max(left - ms, 1)) end
end
"""


def older(client: redis.Redis, keys: Keys, seconds: float) -> None:
    """Let the ledger under *keys* grow older by *seconds*: checks, heartbeats, hints and what is kept for a while.

    Planned times of schedules stay: beat is told the time by who calls it.
    """
    client.eval(GROW, 0, f"{{{keys.prefix}}}:", round(seconds * 1000), ASIDE)
