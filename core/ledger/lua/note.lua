-- Keeps what a running handler says of itself.
-- KEYS  run, log     ARGV  token, progress ('done/total' or ''), line..
-- guard: only the holder of the run speaks for it
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'LATE'} end
-- guard: a line alone leaves the progress as it is
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'progress', ARGV[2]) end
-- guard: progress alone writes no line
if #ARGV > 2 then
  redis.call('RPUSH', KEYS[2], unpack(ARGV, 3))
  -- guard: only the newest lines stay
  redis.call('LTRIM', KEYS[2], -100, -1)
end
return {'OK'}
