-- Keeps what a running handler says of itself.
-- KEYS  run, log     ARGV  token, progress ('done/total' or ''), line..
-- guard: only the holder of the run speaks for it
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'LATE'} end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'progress', ARGV[2]) end
if #ARGV > 2 then
  redis.call('RPUSH', KEYS[2], unpack(ARGV, 3))
  redis.call('LTRIM', KEYS[2], -100, -1)
end
return {'OK'}
