-- Gives up the lead of beat, and wakes those that wait for it.
-- KEYS  lock     ARGV  token, channel that wakes beat
-- Returns 1 if it was this beat's.
-- guard: the lead of another stays
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
-- guard: those that wait are woken
redis.call('PUBLISH', ARGV[2], '')
return 1
