-- Takes a pending run for one attempt, which is counted before the handler starts.
-- KEYS  run, due, states.., record, watermark     ARGV  run id, token, worker,
--       alone (1: whatever the run does to its process, no other run is hurt)
-- Returns {OK, attempt, failures, record, task, held ms (since when workers pass it over; 0)} or {SKIP, state},
--         {SUSPECT, state} or {GONE}.
local id, token, worker, alone = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local run = read(KEYS[RUN], 'state', 'token', 'attempt', 'failures', 'pos', 'queue', 'priority', 'hinted', 'task',
                 'held', 'suspect')
-- guard: what is gone does not start
if not run.state then return {'GONE'} end

local function granted(attempt, record)
  return {'OK', attempt, run.failures or '0', record, run.task, run.held or '0'}
end

-- guard: the same token claims once, however often it is sent
if run.state == 'running' and run.token == token then
  return granted(run.attempt, redis.call('GET', KEYS[AFTER_STATES]))
end
-- guard: only a pending run may start
if run.state ~= 'pending' then return {'SKIP', run.state} end
-- guard: a run that was going on when its worker died runs alone
if run.suspect and not alone then return {'SUSPECT', run.state} end

local record = redis.call('GET', KEYS[AFTER_STATES])
-- guard: a run without its cause does not start
if not record then return {'GONE'} end
local now = now_ms()
local attempt = text(tonumber(run.attempt) + 1)
redis.call('HSET', KEYS[RUN], 'attempt', attempt, 'token', token, 'worker', worker, 'started', text(now))
-- guard: a new attempt has not ended yet
redis.call('HDEL', KEYS[RUN], 'finished', 'progress', 'looks')
move(KEYS[RUN], id, 'pending', 'running', run.pos, now + LOOK_AGAIN)

local lane = run.queue .. ':' .. run.priority
local newest = tonumber(redis.call('HGET', KEYS[AFTER_STATES + 1], lane) or 0)
-- guard: the watermark never falls
if tonumber(run.hinted) > newest then redis.call('HSET', KEYS[AFTER_STATES + 1], lane, run.hinted) end
return granted(attempt, record)
