-- Opens the gate of a run that waits for another one to end.
-- KEYS  run, due, the states parked and pending, the run that it waits for
-- ARGV  run id
-- Returns {OK, queue, priority} or {KEEP}.
local run = read(KEYS[1], 'state', 'pos', 'queue', 'priority')
-- guard: what waits no more is left alone
if run.state ~= 'parked' then return {'KEEP'} end
local before = redis.call('HGET', KEYS[5], 'state')
-- guard: the gate opens when the other has ended, or is gone
if before and not TERMINAL[before] then return {'KEEP'} end
local now = now_ms()
-- guard: a hint that joins the end of its queue is as old as its publication
redis.call('HSET', KEYS[1], 'state', 'pending', 'hinted', text(now), 'due', text(now))
redis.call('HDEL', KEYS[1], 'behind')
-- guard: a run stands under one state
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[4], run.pos, ARGV[1])
-- guard: a new hint is given its time
redis.call('ZADD', KEYS[2], text(ASIDE + now + HINT_GRACE), ARGV[1])
return {'OK', run.queue, run.priority}
