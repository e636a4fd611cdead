-- Charges a run whose process died while it ran nothing else. The third charge is its end.
-- KEYS  run, due, states.., attempts, minutes, hours (counters), then acceptance.lua's for the event that tells of its end, if anyone listens
-- ARGV  run id, worker, token ('': whatever the worker runs of it), error (JSON), error of the end (JSON), then acceptance.lua's
-- Returns {OK, state, queue, priority} or {LATE, state} or {GONE}.
local id, worker, token, error, last_error = unpack(ARGV, 1, 5)
local run = read(KEYS[RUN], 'state', 'worker', 'token', 'attempt', 'pos', 'started', 'queue', 'priority', 'charges')
-- guard: what is gone is not charged
if not run.state then return {'GONE'} end
-- guard: only the worker that holds the run speaks for its process
if run.state ~= 'running' or run.worker ~= worker then return {'LATE', run.state} end
-- guard: the run may have ended, and begun again elsewhere in that worker
if token ~= '' and run.token ~= token then return {'LATE', run.state} end

local now, charges = now_ms(), tonumber(run.charges or 0) + 1
-- guard: the third charge is the last
local spent = charges >= CHARGES
remember(KEYS[AFTER_STATES], run.attempt, run.started, text(now), worker, 'crashed', spent and last_error or error)
redis.call('HSET', KEYS[RUN], 'charges', charges, 'suspect', 1)
-- guard: nobody has it any more
redis.call('HDEL', KEYS[RUN], 'token', 'worker')
-- guard: a run whose charges are spent is dead
if spent then
  redis.call('HSET', KEYS[RUN], 'finished', text(now))
  move(KEYS[RUN], id, 'running', 'dead', run.pos, nil)
  -- guard: a death that somebody listens to is told
  if #ARGV > 5 then accept_cause({unpack(KEYS, AFTER_STATES + 3)}, {unpack(ARGV, 6)}) end
  count(KEYS[AFTER_STATES + 1], KEYS[AFTER_STATES + 2], now, {dead = 1})
  return {'OK', 'dead', run.queue, run.priority}
end
-- guard: the first charge is tried again at once
if charges == 1 then
  move(KEYS[RUN], id, 'running', 'pending', run.pos, now + HINT_GRACE)
  return {'OK', 'pending', run.queue, run.priority}
end
redis.call('HSET', KEYS[RUN], 'due', text(now + CHARGE_PAUSE))
move(KEYS[RUN], id, 'running', 'retrying', run.pos, now + CHARGE_PAUSE)
return {'OK', 'retrying', run.queue, run.priority}
