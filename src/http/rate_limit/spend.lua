-- Spends from a window of 60 s, or refuses to. `memory.rs` does the same; a test compares the two.
--
-- KEYS[1]  a hash: Unix second -> what was spent in it, and `second`, the latest one seen
-- ARGV     the present Unix second, the amount, the limit
-- Answers  whether it was accepted (1 or 0), what is used now, and in how many seconds all is there again
--          and, if it was refused, enough of it
local SECONDS = 60
-- Whoever stays away for two windows is forgotten; by the time of Redis, which need not be the servers'.
local KEPT = 120

local second, amount, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local entries = redis.call('HGETALL', KEYS[1])
local present = ARGV[1]
for i = 1, #entries, 2 do
  -- A clock that goes back, or that of a node which is behind, is waited for.
  if entries[i] == 'second' and tonumber(entries[i + 1]) > second then
    present = entries[i + 1]
    second = tonumber(present)
  end
end

local spent, used, newest = {}, 0, SECONDS
for i = 1, #entries, 2 do
  if entries[i] ~= 'second' then
    local age, amount_then = second - tonumber(entries[i]), tonumber(entries[i + 1])
    if age >= SECONDS then
      redis.call('HDEL', KEYS[1], entries[i])
    elseif amount_then > 0 then
      spent[age] = amount_then
      used = used + amount_then
      newest = math.min(newest, age)
    end
  end
end

local accepted = amount <= math.max(limit - used, 0)
local enough = 0
if accepted then
  if amount > 0 then
    redis.call('HINCRBY', KEYS[1], present, amount)
    used = used + amount
    newest = 0
  end
else
  enough = SECONDS
  local rest = used
  for age = SECONDS - 1, 0, -1 do
    rest = rest - (spent[age] or 0)
    if amount <= math.max(limit - rest, 0) then
      enough = SECONDS - age
      break
    end
  end
end
redis.call('HSET', KEYS[1], 'second', present)
redis.call('EXPIRE', KEYS[1], KEPT)
return { accepted and 1 or 0, used, SECONDS - newest, enough }
