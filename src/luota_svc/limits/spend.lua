-- Spends tokens of many buckets of one cluster slot: the only place where a bucket in Redis changes.
--
-- A bucket holds `limit` tokens per interval. The interval begins with the first spend out of a full bucket and
-- the bucket is full again, at once and whole, when the interval has passed. Stored as "<used> <started ms>"; a
-- missing key is a full bucket. What was used is stored, not what is left, so that a changed limit counts at once.
--
-- KEYS      the key of each bucket slot (a key stands twice where two limits for it met in one call)
-- ARGV[1]   "<limit> <interval ms>" of each bucket slot
-- ARGV[2]   "<cost> <how many slots> <slot> <slot> ..." of each spend, in the order in which they are judged
-- returns   four integers a spend: allowed (1 or 0), the slot of the tightest bucket, tokens left in it, ms until
--           it is full again. A refused spend has charged nothing.

-- The server's own time: clients disagree about theirs.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

local limits, intervals = {}, {}
for limit, interval in string.gmatch(ARGV[1], '(%d+) (%d+)') do
  limits[#limits + 1] = tonumber(limit)
  intervals[#intervals + 1] = tonumber(interval)
end

-- MGET answers nil for a key that somebody made into another type, where GET would fail the whole call.
local stored = redis.call('MGET', unpack(KEYS))
local by_key, buckets = {}, {}
for slot, key in ipairs(KEYS) do
  local bucket = by_key[key]
  if not bucket then
    bucket = { key = key, used = 0, started = now, interval = intervals[slot], changed = false }
    local used, started = string.match(stored[slot] or '', '^(%d+) (%d+)$')
    if used then
      used, started = tonumber(used), tonumber(started)
      if started > now then
        -- A failover to a server whose clock is behind. Begin the interval again, once, and keep that: the promise
        -- holds and nobody waits longer than one interval.
        started = now
        bucket.changed = true
      end
      if now - started < bucket.interval then
        bucket.used, bucket.started = used, started
      end
    end
    by_key[key] = bucket
  end
  buckets[slot] = bucket
end

local spends = {}
for number in string.gmatch(ARGV[2], '%d+') do
  spends[#spends + 1] = tonumber(number)
end

local answers = {}
local at = 1
while at <= #spends do
  local cost, first, last = spends[at], at + 2, at + 1 + spends[at + 1]
  local allowed, tightest, left_in_it, wait_for_it = 1, 0, 0, 0
  -- First pass: test all. Of the empty ones the one that fills last is the tightest.
  for i = first, last do
    local slot = spends[i]
    local bucket = buckets[slot]
    local left = math.max(limits[slot] - bucket.used, 0)
    local wait = bucket.started + bucket.interval - now
    if left < cost and (allowed == 1 or wait > wait_for_it) then
      allowed, tightest, left_in_it, wait_for_it = 0, slot, left, wait
    end
  end
  -- Second pass: charge all. Now the one with the fewest tokens left is the tightest.
  if allowed == 1 then
    for i = first, last do
      local slot = spends[i]
      local bucket = buckets[slot]
      bucket.used = bucket.used + cost
      bucket.changed = true
      local left = limits[slot] - bucket.used
      local wait = bucket.started + bucket.interval - now
      if tightest == 0 or left < left_in_it or (left == left_in_it and wait > wait_for_it) then
        tightest, left_in_it, wait_for_it = slot, left, wait
      end
    end
  end
  local n = #answers
  answers[n + 1], answers[n + 2], answers[n + 3], answers[n + 4] = allowed, tightest, left_in_it, wait_for_it
  at = last + 1
end

-- Lua would print a big number as 1.7e+15. The key vanishes when the bucket is full again.
for _, bucket in pairs(by_key) do
  if bucket.changed and bucket.used > 0 then
    redis.call('SET', bucket.key, string.format('%.0f %.0f', bucket.used, bucket.started),
      'PX', string.format('%.0f', bucket.started + bucket.interval - now))
  end
end
return answers
