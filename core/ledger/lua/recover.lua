-- Looks at one run whose check is due and does what has to be done.
-- KEYS  run, due, states.., attempts, alive, watermark
-- ARGV  run id, trusted (1: the sweeper may take silence for death), drained (1: the run's queue holds no hints)
-- Returns {action, queue, priority}; the action is
--   hint     publish a hint: its delay is over, or the old hint is lost
--   lost     publish a hint: its worker is dead
--   keep     nothing to do yet
--   gone     there is no such run any more
local id, trusted, drained = ARGV[1], ARGV[2] == '1', ARGV[3] == '1'
local run = read(KEYS[RUN], 'state', 'attempt', 'pos', 'queue', 'priority', 'worker', 'started', 'hinted', 'looks')
-- guard: what is gone or has ended is not looked at again
if not run.state or TERMINAL[run.state] then
  redis.call('ZREM', KEYS[DUE], id)
  return {'gone', '', ''}
end

local now = now_ms()
-- guard: another sweeper was here already
if tonumber(redis.call('ZSCORE', KEYS[DUE], id) or now) > now then return {'keep', '', ''} end

-- A run that comes back to the head of its queue keeps the time of its old hint: the watermark, and with it the
-- answer to which hints were overtaken, must not rise because of it.
local function pending(action)
  -- guard: a hint that joins the end of its queue is as old as its publication
  if action == 'hint' then redis.call('HSET', KEYS[RUN], 'hinted', text(now)) end
  -- guard: a new hint is given its time
  redis.call('HDEL', KEYS[RUN], 'looks')
  move(KEYS[RUN], id, run.state, 'pending', run.pos, now + HINT_GRACE)
  return {action, run.queue, run.priority}
end

-- guard: a delay that is over ends
if run.state == 'scheduled' or run.state == 'retrying' then return pending('hint') end

-- guard: a run that is running waits for its worker, not for a hint
if run.state == 'running' then
  local beat = redis.call('ZSCORE', KEYS[AFTER_STATES + 1], 'worker:' .. run.worker)
  local silent = beat and tonumber(beat) < now - BEAT_LIMIT
  -- guard: a worker that beats keeps its runs; silence is death only for a sweeper that has watched without a gap
  if (beat and not silent) or (silent and not trusted) then
    redis.call('ZADD', KEYS[DUE], text(now + LOOK_AGAIN), id)
    return {'keep', '', ''}
  end
  remember(KEYS[AFTER_STATES], run.attempt, run.started, text(now), run.worker, 'lost', '')
  -- guard: a dead worker charges nobody, but what it ran is suspect and runs alone from now on
  redis.call('HSET', KEYS[RUN], 'suspect', 1)
  local lost = redis.call('HINCRBY', KEYS[RUN], 'lost', 1)
  -- guard: the first losses come back at once
  if lost <= 3 then return pending('lost') end
  -- A run that loses its worker all the same waits longer each time, so that it cannot take the house down.
  local pause = math.min(30000 * 2 ^ (lost - 4), 900000)
  redis.call('HSET', KEYS[RUN], 'due', text(now + pause))
  move(KEYS[RUN], id, 'running', 'retrying', run.pos, now + pause)
  return {'keep', '', ''}
end

-- guard: what waits for a gate has no hint, and gets none before its gate opens
if run.state == 'parked' then
  redis.call('ZADD', KEYS[DUE], text(now + 900000), id)
  return {'keep', '', ''}
end

-- pending: publish again only if the hint is gone, never because the queue is merely long
local looks = tonumber(run.looks or 0)
local overtaken = tonumber(redis.call('HGET', KEYS[AFTER_STATES + 2], run.queue .. ':' .. run.priority) or 0)
                  > tonumber(run.hinted) + OVERTAKEN
-- guard: a backlog is not published again, what is lost is
if not (overtaken or drained) then
  redis.call('HSET', KEYS[RUN], 'looks', looks + 1)
  redis.call('ZADD', KEYS[DUE], text(now + math.min(HINT_GRACE * 2 ^ looks, 900000)), id)
  return {'keep', '', ''}
end
-- guard: a hint that was published again is a new one
redis.call('HSET', KEYS[RUN], 'hinted', text(now))
-- guard: a new hint that is lost, too, is missed as soon as the first
redis.call('HDEL', KEYS[RUN], 'looks')
redis.call('ZADD', KEYS[DUE], text(now + HINT_GRACE), id)
return {'hint', run.queue, run.priority}
