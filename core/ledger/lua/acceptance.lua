-- accept_all: records causes, each with all its runs or not at all. Shared by accept and, through accept_cause, which
-- records one, by fire and what tells of a death.
-- Returns {OK|DUP|CONFLICT|FULL, id} for each cause, one behind the other.
--
-- keys   {position, due, scheduled, pending, others that args name by their place here..,
--         per cause: record, mark, runs..}
-- args   {mark ttl ms, most runs that may be open (0: any number), how many kinds of runs there are, how many causes,
--         how many keys come before those of the causes,
--         per kind: task, queue, priority, delay ms, at ms (0: use the delay), places of the task's and queue's indexes,
--         per cause: id, fingerprint, nonce, record, place of its idempotency key (0: none),
--                    how many indexes it has, how many runs, how many words its hints take,
--         per cause: places of its indexes.., kinds of its runs.., per list: its place, how many hints, the hints..}
-- No two causes have one id or one idempotency key. Nothing is written before all are looked up: what a lookup
-- stumbles over must not leave runs that stand in no index.
local call, KIND, CAUSE, NEW = redis.call, 7, 8, 'OK, and new'

local function duplicate_of(other, other_print, print)
  -- guard: other content is a conflict
  if other_print ~= print then return 'CONFLICT', other end
  return 'DUP', other
end

-- Answers for the cause at args[at] if it is known, and with nil if it is new.
local function known(keys, args, at, marked, record)
  local id, print, key = args[at], args[at + 1], keys[tonumber(args[at + 4])]
  local seen = key and call('GET', key)
  -- guard: an idempotency key answers with its first event
  if seen then
    local other_print, other = string.match(seen, '^(%S+) (%S+)$')
    -- guard: the same call sent twice is no duplicate of itself
    if other ~= id then return duplicate_of(other, other_print, print) end
  end
  local head = record and call('GETRANGE', record, 0, 4095) or ''
  -- guard: a record without its mark is known too
  if head ~= '' then
    local header = cjson.decode(string.match(head, '\n([^\n]*)\n'))
    -- guard: the same call sent twice is accepted once
    if header.nonce == args[at + 2] then return 'OK', id end
    marked = header.print
  end
  -- guard: one id, one set of runs
  if marked then
    -- guard: an idempotency key of other content is not kept
    if key and marked == print then call('SET', key, print .. ' ' .. id, 'PX', args[1]) end
    return duplicate_of(id, marked, print)
  end
end

-- Runs and causes that come together stand in the same indexes: each index is written once, by a row that gathers them.
local function gather(row, score, member)
  local last = #row
  row[last + 1], row[last + 2] = score, member
end

-- What comes alone is written at once, for a row costs more than it saves: row is the key of the index then.
local function write(row, score, member)
  call('ZADD', row, score, member)
end

local function accept_all(keys, args, instead)
  local ttl, limit, kinds, causes = args[1], tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  local first, place, answers, places, records, marks, new = 6 + KIND * kinds, tonumber(args[5]) + 1, {}, {}, {}, {}, 0
  for n = 1, causes do
    places[n], records[n], marks[n] = place, keys[place], keys[place + 1]
    place = place + 2 + tonumber(args[first + CAUSE * n - 2])
  end
  local marked, recorded = call('MGET', unpack(marks)), call('EXISTS', unpack(records)) > 0
  local open = limit > 0 and call('ZCARD', keys[2]) or 0
  for n = 1, causes do
    local at = first + CAUSE * (n - 1)
    local verdict, found = known(keys, args, at, marked[n], recorded and records[n])
    -- guard: what must not be accepted is not, unless this very call has done it before
    if instead and instead[n] and verdict ~= 'OK' then verdict, found = instead[n], '' end
    -- guard: a full backlog takes no more, but knows what it has
    if not verdict and limit > 0 and open >= limit then verdict, found = 'FULL', '' end
    if not verdict then new, open = new + 1, open + tonumber(args[at + 6]) end
    answers[2 * n - 1], answers[2 * n] = verdict or NEW, found or args[at]
  end
  if new == 0 then return answers end

  local now = now_ms()
  local position, last = now * 1024, tonumber(call('GET', keys[1]) or 0)
  -- guard: no place is given twice, even if the clock goes back
  if position <= last then position = last + 1 end

  local several = causes > 1 or tonumber(args[first + 6]) > 1
  local put, rows = several and gather or write, {}
  local function row_at(place)
    local row = rows[place]
    if not row then
      row = several and {'ZADD', keys[place]} or keys[place]
      rows[place] = row
    end
    return row
  end

  local forms, at_once, looked_at = {}, text(now), text(ASIDE + now + HINT_GRACE)
  for kind = 1, kinds do
    local task, queue, priority, delay, at, task_index, queue_index = unpack(args, KIND * kind - 1, KIND * kind + 5)
    local told = tonumber(at) > 0
    local not_before = told and tonumber(at) or now + tonumber(delay)
    -- guard: a run that waits, or was told a time, is not pending: no hint goes out for it
    local waits = not_before > now or told
    local due = waits and text(not_before) or at_once
    forms[kind] = {task, queue, priority, waits and 'scheduled' or 'pending', due, waits and due or looked_at,
                   row_at(tonumber(task_index)), row_at(tonumber(queue_index)), row_at(waits and 3 or 4)}
  end

  local written, lists, due_row, tail = {'MSET'}, {}, row_at(2), first + CAUSE * causes
  for n = 1, causes do
    local at = first + CAUSE * (n - 1)
    local id, print, key = args[at], args[at + 1], keys[tonumber(args[at + 4])]
    local indexes, runs, hints = tonumber(args[at + 5]), tonumber(args[at + 6]), tonumber(args[at + 7])
    local kinds_at, next_tail = tail + indexes, tail + indexes + runs + hints
    -- guard: what is known, or finds no room, is not written, and its hints do not go out
    if answers[2 * n - 1] == NEW then
      written[#written + 1], written[#written + 2] = records[n], args[at + 3]
      -- guard: an id is remembered longer than its record
      call('SET', marks[n], print, 'PX', ttl)
      -- guard: an idempotency key is kept where there is one
      if key then call('SET', key, print .. ' ' .. id, 'PX', ttl) end
      local run_id, score = id .. '.', text(position)
      for i = tail, kinds_at - 1 do put(row_at(tonumber(args[i])), score, id) end
      for i = 0, runs - 1 do
        local task, queue, priority, state, due, check, task_row, queue_row, state_row =
          unpack(forms[tonumber(args[kinds_at + i])])
        local run, place = run_id .. i, i == 0 and score or text(position + i)
        call('HSET', keys[places[n] + 2 + i], 'task', task, 'queue', queue, 'priority', priority, 'state', state,
             'pos', place, 'attempt', '0', 'due', due, 'hinted', at_once)
        put(state_row, place, run)
        put(task_row, place, run)
        put(queue_row, place, run)
        put(due_row, check, run)
      end
      local list = kinds_at + runs
      while list < next_tail do
        local name, last = keys[tonumber(args[list])], list + 1 + tonumber(args[list + 1])
        local push = lists[name]
        if push then
          for i = list + 2, last do push[#push + 1] = args[i] end
        else
          lists[name] = {'LPUSH', name, unpack(args, list + 2, last)}
        end
        list = last + 1
      end
      -- guard: places follow each other
      position = position + math.max(runs, 1)
      answers[2 * n - 1] = 'OK'
    end
    tail = next_tail
  end
  call(unpack(written))
  for _, row in pairs(several and rows or {}) do
    if row[3] then call(unpack(row)) end
  end
  -- A queue that is no list must not undo what is recorded: the sweeper sees to its hints.
  for _, push in pairs(lists) do redis.pcall(unpack(push)) end
  -- guard: no place is given twice
  call('SET', keys[1], text(position - 1))
  return answers
end

local accept_cause = accept_all
