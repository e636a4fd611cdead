-- Ends a run that waits.
-- KEYS  run, due, states.., minutes, hours (counters)     ARGV  run id, nonce
-- Returns {OK, state} or {CONFLICT, state} or {GONE}.
local id, nonce = ARGV[1], ARGV[2]
local run = read(KEYS[RUN], 'state', 'pos', 'asked')
-- guard: what is gone is not cancelled
if not run.state then return {'GONE'} end
-- guard: the same request counts once
if run.asked == nonce then return {'OK', run.state} end
-- guard: only what waits can be cancelled
if TERMINAL[run.state] or run.state == 'running' then return {'CONFLICT', run.state} end

local now = now_ms()
redis.call('HSET', KEYS[RUN], 'asked', nonce, 'finished', text(now))
move(KEYS[RUN], id, run.state, 'cancelled', run.pos, nil)
count(KEYS[AFTER_STATES], KEYS[AFTER_STATES + 1], now, {cancelled = 1})
return {'OK', 'cancelled'}
