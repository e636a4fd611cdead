-- What every script has. A script sees KEYS and ARGV; the server's TIME is the only clock.
-- Numbers above 1e14 lose digits in Lua's own tostring, so every number goes through text().
local HINT_GRACE = 3000    -- ms until a hint that nobody claimed may be lost
-- In due, checks of pending runs stand aside from all others, behind the last moment that has a name (year 9999): there
-- may be a million of them, and what is really due must not wait for that many looks. Their score is the time plus this.
local ASIDE = 2 ^ 48

local function now_ms()
  local t = redis.call('TIME')
  -- guard: time is whole milliseconds of the server's clock
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function text(number)
  -- guard: a long number keeps its digits
  return string.format('%d', number)
end
