-- Spends from a window of 60 s, or refuses to. `memory.rs` does the same; a test compares the two.
--
-- KEYS[1]  a hash: Unix second -> what was spent in it; `second`, the latest one seen; and `used`, the sum
-- ARGV     the present Unix second, the amount, the limit
-- Answers  whether it was accepted (1 or 0), what is used now, and in how many seconds all is there again
--          and, if it was refused, enough of it
local SECONDS = 60
-- Whoever stays away for two windows is forgotten; by the time of Redis, which need not be the servers'.
local KEPT = 120

local present, second = ARGV[1], tonumber(ARGV[1])
local amount, limit = tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'second', 'used')
if known[1] and tonumber(known[1]) >= second then
  -- A clock that goes back, or that of a node which is behind, is waited for.
  present, second = known[1], tonumber(known[1])
  -- Within one second nothing leaves the window: most of a busy client's requests end here.
  local used = tonumber(known[2])
  if amount > 0 and amount <= limit - used then
    redis.call('HINCRBY', KEYS[1], present, amount)
    redis.call('HINCRBY', KEYS[1], 'used', amount)
    return { 1, used + amount, SECONDS, 0 }
  end
end

local spent, used, newest = {}, 0, SECONDS
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local field, value = entries[i], tonumber(entries[i + 1])
  if field ~= 'second' and field ~= 'used' then
    local age = second - tonumber(field)
    if age >= SECONDS then
      redis.call('HDEL', KEYS[1], field)
    else
      spent[age] = value
      used = used + value
      newest = math.min(newest, age)
    end
  end
end

local accepted = amount <= math.max(limit - used, 0)
local enough = 0
if not accepted then
  enough = SECONDS
  local rest = used
  for age = SECONDS - 1, 0, -1 do
    rest = rest - (spent[age] or 0)
    if amount <= math.max(limit - rest, 0) then
      enough = SECONDS - age
      break
    end
  end
elseif amount > 0 then
  redis.call('HINCRBY', KEYS[1], present, amount)
  used = used + amount
  newest = 0
end
redis.call('HSET', KEYS[1], 'second', present, 'used', used)
redis.call('EXPIRE', KEYS[1], KEPT)
return { accepted and 1 or 0, used, SECONDS - newest, enough }
