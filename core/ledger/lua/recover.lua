-- Looks at runs whose check is due and does what has to be done.
-- KEYS  the first run, due, states.., alive, watermark, then per run: run, attempts
-- ARGV  trusted (1: the sweeper may take silence for death), number of queues, then per queue: name, drained (1: it
--       holds no hints; 0), then per run, none named twice: run id, drained (as its queue; '': look among the queues)
-- Returns per run {action, queue, priority}; the action is
--   hint     publish a hint: its delay is over, or the old hint is lost
--   lost     publish a hint: its worker is dead
--   ask      nothing yet: whether its queue is drained has to be known
--   keep     nothing to do yet
--   gone     there is no such run any more
local trusted, alive, watermark = ARGV[1] == '1', KEYS[AFTER_STATES], KEYS[AFTER_STATES + 1]
local now = now_ms()
local queues, later, newest = tonumber(ARGV[2]), {'ZADD', KEYS[DUE]}, {}
local drained = {}
for i = 1, queues do drained[ARGV[1 + 2 * i]] = ARGV[2 + 2 * i] end

local function keep(id, pause)
  later[#later + 1], later[#later + 2] = text(now + pause), id
  return {'keep', '', ''}
end

local function newest_of(lane)
  newest[lane] = newest[lane] or tonumber(redis.call('HGET', watermark, lane) or 0)
  return newest[lane]
end

-- A run that comes back to the head of its queue keeps the time of its old hint: the watermark, and with it the
-- answer to which hints were overtaken, must not rise because of it.
local function pending(run, key, id, action)
  -- guard: a hint that joins the end of its queue is as old as its publication
  if action == 'hint' then redis.call('HSET', key, 'hinted', text(now)) end
  -- guard: a new hint is given its time
  redis.call('HDEL', key, 'looks')
  move(key, id, run.state, 'pending', run.pos, now + HINT_GRACE)
  return {action, run.queue, run.priority}
end

-- A run that is running waits for its worker, not for a hint.
local function look_at_running(run, key, attempts, id)
  local beat = redis.call('ZSCORE', alive, 'worker:' .. run.worker)
  local silent = beat and tonumber(beat) < now - BEAT_LIMIT
  -- guard: a worker that beats keeps its runs; silence is death only for a sweeper that has watched without a gap
  if (beat and not silent) or (silent and not trusted) then return keep(id, LOOK_AGAIN) end
  remember(attempts, run.attempt, run.started, text(now), run.worker, 'lost', '')
  -- guard: a dead worker charges nobody, but what it ran is suspect and runs alone from now on
  redis.call('HSET', key, 'suspect', 1)
  local lost = redis.call('HINCRBY', key, 'lost', 1)
  -- guard: the first losses come back at once
  if lost <= 3 then return pending(run, key, id, 'lost') end
  -- A run that loses its worker all the same waits longer each time, so that it cannot take the house down.
  local pause = math.min(30000 * 2 ^ (lost - 4), 900000)
  redis.call('HSET', key, 'due', text(now + pause))
  move(key, id, 'running', 'retrying', run.pos, now + pause)
  return {'keep', '', ''}
end

-- Publish again only if the hint is gone, never because the queue is merely long.
local function look_at_pending(run, key, id, told)
  local looks = tonumber(run.looks or 0)
  local overtaken = newest_of(run.queue .. ':' .. run.priority) > tonumber(run.hinted) + OVERTAKEN
  local empty = told ~= '' and told or drained[run.queue]
  -- guard: whether a queue is empty is asked before one decides
  if not overtaken and not empty then return {'ask', run.queue, ''} end
  -- guard: a backlog is not published again, what is lost is
  if not (overtaken or empty == '1') then
    redis.call('HSET', key, 'looks', looks + 1)
    return keep(id, ASIDE + math.min(HINT_GRACE * 2 ^ looks, 900000))
  end
  -- guard: a hint that was published again is a new one
  redis.call('HSET', key, 'hinted', text(now))
  -- guard: a new hint that is lost, too, is missed as soon as the first
  redis.call('HDEL', key, 'looks')
  keep(id, ASIDE + HINT_GRACE)
  return {'hint', run.queue, run.priority}
end

local function look(key, attempts, id, told)
  local run = read(key, 'state', 'attempt', 'pos', 'queue', 'priority', 'worker', 'started', 'hinted', 'looks')
  -- guard: what is gone or has ended is not looked at again
  if not run.state or TERMINAL[run.state] then
    redis.call('ZREM', KEYS[DUE], id)
    return {'gone', '', ''}
  end
  -- guard: another sweeper was here already
  if tonumber(redis.call('ZSCORE', KEYS[DUE], id) or now) % ASIDE > now then return {'keep', '', ''} end
  -- guard: a delay that is over ends
  if run.state == 'scheduled' or run.state == 'retrying' then return pending(run, key, id, 'hint') end
  -- guard: who runs is looked at as a runner
  if run.state == 'running' then return look_at_running(run, key, attempts, id) end
  -- guard: what waits for a gate has no hint, and gets none before its gate opens
  if run.state == 'parked' then return keep(id, 900000) end
  return look_at_pending(run, key, id, told)
end

local answers = {}
for i = 1, (#ARGV - 2) / 2 - queues do
  local at = 1 + 2 * (queues + i)
  answers[i] = look(KEYS[AFTER_STATES + 2 * i], KEYS[AFTER_STATES + 2 * i + 1], ARGV[at], ARGV[at + 1])
end
-- guard: what goes on is looked at again
if #later > 2 then redis.call(unpack(later)) end
return answers
