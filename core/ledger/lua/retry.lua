-- Makes a run pending because a person asked: one that ended without success, or one that waits for its time.
-- KEYS  run, due, states..     ARGV  run id, nonce
-- Returns {OK, queue, priority} or {CONFLICT, state} or {GONE}.
local id, nonce = ARGV[1], ARGV[2]
local run = read(KEYS[RUN], 'state', 'pos', 'queue', 'priority', 'asked')
-- guard: what is gone is not retried
if not run.state then return {'GONE'} end
-- guard: the same request counts once
if run.asked == nonce then return {'OK', run.queue, run.priority} end
-- guard: what succeeded, runs or is about to run is left alone
if run.state == 'succeeded' or run.state == 'running' or run.state == 'pending' or run.state == 'parked' then
  return {'CONFLICT', run.state}
end

local now = now_ms()
-- guard: it starts anew, but a suspect stays one: it is tried again in a process of its own
redis.call('HDEL', KEYS[RUN], 'token', 'failures', 'charges', 'lost', 'held', 'looks', 'finished')
redis.call('HSET', KEYS[RUN], 'asked', nonce, 'due', text(now), 'hinted', text(now))
move(KEYS[RUN], id, run.state, 'pending', run.pos, now + HINT_GRACE)
return {'OK', run.queue, run.priority}
