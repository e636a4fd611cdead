-- Says that a process is alive. KEYS  alive, process     ARGV  member, information (JSON), ttl ms
-- guard: a heartbeat counts by the server's clock
redis.call('ZADD', KEYS[1], text(now_ms()), ARGV[1])
-- guard: what a process says of itself is kept
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return {'OK'}
