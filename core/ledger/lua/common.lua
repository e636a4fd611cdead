-- What scripts about runs share.

local STATES = {'scheduled', 'pending', 'parked', 'running', 'retrying',
                'succeeded', 'discarded', 'dead', 'cancelled', 'expired'}
local TERMINAL = {succeeded = true, discarded = true, dead = true, cancelled = true, expired = true}
local OVERTAKEN = 2000     -- ms by which hints that came later may be ahead of one that is not lost
local LOOK_AGAIN = 5000    -- ms between two looks at a running run
local BEAT_LIMIT = 15000   -- ms without a heartbeat until a worker counts as dead
local CHARGES = 3          -- deaths of its own process that end a run
local CHARGE_PAUSE = 30000 -- ms between the second and the third

-- The keys of a script that moves a run: KEYS[1] the run, KEYS[2] due, KEYS[3] to KEYS[12] the states' indexes.
local RUN, DUE, FIRST_STATE, AFTER_STATES = 1, 2, 3, 13

local function index_of(state)
  for i, name in ipairs(STATES) do
    if name == state then return KEYS[FIRST_STATE + i - 1] end
  end
end

local function read(run, ...)
  local values = redis.call('HMGET', run, ...)
  local found = {}
  for i, name in ipairs({...}) do found[name] = values[i] or nil end
  return found
end

-- Moves a run from one state's index to another's and sets the time of its next check (nil: never again).
local function move(run, id, from, to, position, next_check)
  redis.call('HSET', run, 'state', to)
  -- guard: a run stands under one state
  redis.call('ZREM', index_of(from), id)
  redis.call('ZADD', index_of(to), position, id)
  -- guard: a check of what is pending stands aside
  if to == 'pending' then next_check = next_check + ASIDE end
  -- guard: what goes on is in due, what has ended is not
  if next_check then
    redis.call('ZADD', KEYS[DUE], text(next_check), id)
  else
    redis.call('ZREM', KEYS[DUE], id)
  end
end

-- Keeps what became of an attempt; the newest 25 stay.
local function remember(list, attempt, started, finished, worker, outcome, error)
  redis.call('RPUSH', list, table.concat({attempt, started, finished, worker, outcome, error}, '\n'))
  -- guard: only the newest attempts stay
  redis.call('LTRIM', list, -25, -1)
end

-- Returns what *act* answers for one run of many: an error of one run must not undo half of what the others got.
local function each_alone(act, ...)
  local fine, answer, more = pcall(act, ...)
  -- guard: what is odd about one run is told of that run
  if not fine then return {'ERROR', type(answer) == 'table' and answer.err or tostring(answer)} end
  return answer, more
end
