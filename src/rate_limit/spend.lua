-- Spends from a window of 60 s, or refuses. `memory.rs` has the same algorithm; a test compares the two.
--
-- KEYS[1]  a hash: Unix second -> amount spent in it; `second`, the latest one; and `used`, the sum
-- ARGV     the current Unix second, the amount, the limit
-- Returns  whether it was accepted (1 or 0), the amount used now, and the seconds until all is available again
--          and, if it was refused, until enough is
local SECONDS = 60
-- Unused windows expire after two minutes, by the clock of Redis, which may differ from the servers'.
local KEPT = 120

local present, second = ARGV[1], tonumber(ARGV[1])
local amount, limit = tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'second', 'used')
if known[1] and tonumber(known[1]) >= second then
  -- A clock that goes back, or that of a node which is behind, does not move the window.
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
