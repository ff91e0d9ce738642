-- Spends tokens of many buckets of one cluster slot: the only place where a bucket in Redis changes.
--
-- A bucket holds `limit` tokens per interval. The interval begins with the first spend out of a full bucket, and when
-- it has passed the bucket is full again, at once and whole. Stored as "<tokens used> <ms at which it began>"; a
-- missing key is a full bucket. What was used is stored, not what is left, so that a changed limit counts at once.
--
-- KEYS     the buckets, each once
-- ARGV[1]  MessagePack: { intervals, spends }. `intervals` has the milliseconds of each key's interval; `spends` is
--          flat: cost, number of buckets, then key index and limit of each bucket. They are judged in this order.
-- returns  four integers a spend: 1 or 0 (allowed), which of its buckets is the tightest, tokens left in that one, ms
--          until that one is full again. A refused spend has charged nothing.
local call, format, match, tonumber = redis.call, string.format, string.match, tonumber

-- The server's own time: clients disagree about theirs.
local clock = call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local intervals, spends = unpack(cmsgpack.unpack(ARGV[1]))

local used, waits, changed = {}, {}, {}
-- MGET answers false for a key that somebody made into another type, where GET would fail the whole call.
for key, stored in ipairs(call('MGET', unpack(KEYS))) do
  local interval = intervals[key]
  used[key], waits[key], changed[key] = 0, interval, false
  local tokens, began = match(stored or '', '^(%d+) (%d+)$')
  if tokens then
    local wait = tonumber(began) + interval - now
    if wait > interval then
      -- It began ahead of now: a failover to a server whose clock is behind. Let it begin now, once, and keep that:
      -- the promise holds and nobody waits longer than one interval.
      wait = interval
      changed[key] = true
    end
    if wait > 0 then
      used[key], waits[key] = tonumber(tokens), wait
    end
  end
end

local answers = {}
local at, n = 1, 0
while at < #spends do
  local cost, count = spends[at], spends[at + 1]
  local allowed, tightest, left_there, wait_there = 1, 0, 0, 0
  -- Test all: of the buckets that are short, the one that is full again last is the tightest.
  for bucket = 1, count do
    local key = spends[at + 2 * bucket]
    local left = spends[at + 2 * bucket + 1] - used[key]
    if left < cost and (allowed == 1 or waits[key] > wait_there) then
      allowed, tightest, left_there, wait_there = 0, bucket, math.max(left, 0), waits[key]
    end
  end
  -- Then charge all: the one with the fewest tokens left is the tightest, and of equals the one that fills last.
  if allowed == 1 then
    for bucket = 1, count do
      local key = spends[at + 2 * bucket]
      used[key], changed[key] = used[key] + cost, true
      local left = spends[at + 2 * bucket + 1] - used[key]
      if tightest == 0 or left < left_there or (left == left_there and waits[key] > wait_there) then
        tightest, left_there, wait_there = bucket, left, waits[key]
      end
    end
  end
  answers[n + 1], answers[n + 2], answers[n + 3], answers[n + 4] = allowed, tightest, left_there, wait_there
  at, n = at + 2 + 2 * count, n + 4
end

-- A key vanishes when its bucket is full again. Lua by itself would print a big number as 1.7e+15.
for key, name in ipairs(KEYS) do
  if changed[key] then
    call('SET', name, format('%.0f %.0f', used[key], now + waits[key] - intervals[key]), 'PX', waits[key])
  end
end
return answers
