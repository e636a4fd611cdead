-- Takes or keeps the lead of beat: RedBeat's own lock, so that a plain RedBeat waits for us and we for it.
-- KEYS  lock     ARGV  token, ms that the lead lasts
-- Returns {1 (this beat leads) or 0, the server's time in ms, ms until the lead ends if it is not renewed (below 0: it
--         has no end)}.
local holder = redis.call('GET', KEYS[1])
-- guard: the lead that another has is not taken
if holder and holder ~= ARGV[1] then return {0, text(now_ms()), redis.call('PTTL', KEYS[1])} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, text(now_ms()), tonumber(ARGV[2])}
