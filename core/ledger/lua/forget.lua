-- Forgets a cause with all its runs, if all of them have ended long enough ago. Its dedupe mark stays.
-- KEYS  record, due, states.., indexes of the cause.., per run: run, task, queue, attempts, result, log
-- ARGV  id, indexes, runs, runs that ended before this ms may go, dead and expired ones before this ms
-- Returns {OK} or {KEEP}.
local id, indexes, runs, before, dead_before = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local first, states = AFTER_STATES + indexes, {}
for i = 0, runs - 1 do
  local run = read(KEYS[first + 6 * i], 'state', 'finished')
  -- guard: what has not ended is not forgotten
  if run.state and not TERMINAL[run.state] then return {'KEEP'} end
  local failed = run.state == 'dead' or run.state == 'expired'
  -- guard: what ended lately is not forgotten, what failed stays longer
  if tonumber(run.finished or 0) >= tonumber(failed and dead_before or before) then return {'KEEP'} end
  states[i] = run.state
end

for i = 0, runs - 1 do
  local run, task, queue, attempts, result, log = unpack(KEYS, first + 6 * i, first + 6 * i + 5)
  local run_id = id .. '.' .. i
  -- guard: a run that is gone stands under no state
  if states[i] then redis.call('ZREM', index_of(states[i]), run_id) end
  -- guard: a task's list names no run that is gone
  redis.call('ZREM', task, run_id)
  -- guard: a queue's list names no run that is gone
  redis.call('ZREM', queue, run_id)
  -- guard: nothing of a run stays behind
  redis.call('UNLINK', run, attempts, result, log)
end
for i = 0, indexes - 1 do
  -- guard: no list names a cause that is gone
  redis.call('ZREM', KEYS[AFTER_STATES + i], id)
end
-- guard: nothing of a cause stays behind
redis.call('UNLINK', KEYS[1])
return {'OK'}
