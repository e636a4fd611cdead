-- Leaves an order for a process, in the place of one before. KEYS  order     ARGV  word, ms that it lasts
-- guard: an order is there for a minute
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'OK'}
