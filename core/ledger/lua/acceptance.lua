-- accept_cause: records a cause and all its runs, or nothing. Shared by accept, fire and what tells of a death.
-- Returns {OK|DUP|CONFLICT|FULL, id}, and true if it was this very call that recorded it.
--
-- keys   {due, states.. (10), position, record, mark, idempotency, indexes of the cause.., per run: run, task, queue}
-- args   {record, id, fingerprint, nonce, mark ttl ms, use idempotency (0|1), indexes, runs,
--         most runs that may be open (0: any number),
--         per run: task, queue, priority, delay ms, at ms (0: use the delay)}
-- KEYS[DUE] and the states' indexes stand where move() wants them; keys here counts from KEYS[AFTER_STATES].
local function accept_cause(keys, args)
  local position_key, record_key, mark_key, idempotency_key = keys[1], keys[2], keys[3], keys[4]
  local record, id, print, nonce, ttl = args[1], args[2], args[3], args[4], args[5]
  local idempotent, indexes, runs, limit = args[6] == '1', tonumber(args[7]), tonumber(args[8]), tonumber(args[9])

  local function duplicate_of(other, other_print)
    -- guard: other content is a conflict
    if other_print ~= print then return {'CONFLICT', other} end
    return {'DUP', other}
  end

  local seen = idempotent and redis.call('GET', idempotency_key)
  -- guard: an idempotency key answers with its first event
  if seen then
    local other_print, other = string.match(seen, '^(%S+) (%S+)$')
    -- guard: the same call sent twice is no duplicate of itself
    if other ~= id then return duplicate_of(other, other_print) end
  end
  local function remember_key()
    -- guard: an idempotency key is kept where there is one
    if idempotent then redis.call('SET', idempotency_key, print .. ' ' .. id, 'PX', ttl) end
  end

  local marked = redis.call('GET', mark_key)
  local head = redis.call('GETRANGE', record_key, 0, 4095)
  -- guard: a record without its mark is known too
  if head ~= '' then
    local known = cjson.decode(string.match(head, '\n([^\n]*)\n'))
    -- guard: the same call sent twice is accepted once
    if known.nonce == nonce then return {'OK', id} end
    marked = known.print
  end
  -- guard: one id, one set of runs
  if marked then
    -- guard: an idempotency key of other content is not kept
    if marked == print then remember_key() end
    return duplicate_of(id, marked)
  end

  -- guard: a full backlog takes no more, but knows what it has
  if limit > 0 and redis.call('ZCARD', KEYS[DUE]) >= limit then return {'FULL', ''} end

  local now = now_ms()
  local last = tonumber(redis.call('GET', position_key) or 0)
  local position = now * 1024
  -- guard: no place is given twice, even if the clock goes back
  if position <= last then position = last + 1 end

  redis.call('SET', record_key, record)
  -- guard: an id is remembered longer than its record
  redis.call('SET', mark_key, print, 'PX', ttl)
  remember_key()
  for i = 1, indexes do redis.call('ZADD', keys[4 + i], text(position), id) end

  -- Runs that come together stand in the same indexes: each index is written once.
  local rows, at_once, looked_at = {}, text(now), text(now + HINT_GRACE)
  local function add(index, score, run_id)
    local row = rows[index]
    if row then
      row[#row + 1], row[#row + 2] = score, run_id
    else
      rows[index] = {'ZADD', index, score, run_id}
    end
  end

  for i = 0, runs - 1 do
    local run, task_index, queue_index = unpack(keys, 5 + indexes + 3 * i, 7 + indexes + 3 * i)
    local task, queue, priority, delay, at = unpack(args, 10 + 5 * i, 14 + 5 * i)
    local told = tonumber(at) > 0
    local not_before = told and tonumber(at) or now + tonumber(delay)
    -- guard: a run that waits, or was told a time, is not pending: no hint goes out for it
    local waits = not_before > now or told
    local state, run_id, place = waits and 'scheduled' or 'pending', id .. '.' .. i, text(position + i)
    redis.call('HSET', run, 'task', task, 'queue', queue, 'priority', priority, 'state', state,
               'pos', place, 'attempt', 0, 'due', waits and text(not_before) or at_once, 'hinted', at_once)
    add(index_of(state), place, run_id)
    add(task_index, place, run_id)
    add(queue_index, place, run_id)
    add(KEYS[DUE], waits and text(not_before) or looked_at, run_id)
  end
  for _, row in pairs(rows) do redis.call(unpack(row)) end
  if runs > 1 then position = position + runs - 1 end
  -- guard: no place is given twice
  redis.call('SET', position_key, text(position))
  return {'OK', id}, true
end
