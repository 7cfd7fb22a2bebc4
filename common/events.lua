-- events.lua - put behind once.lua in every library: what a service tells the others, and what it keeps
-- of theirs. A fact is the newest state of a record for other services to read, under fact:KIND:ID.
-- Whatever changes one adds an event to the service's stream (events:SERVICE) in the same function.
-- Events are numbered 0-1, 0-2, … without a gap, so that who reads them knows what was missed. A fact
-- is never deleted: that a record is gone is one of its states. SPDX-License-Identifier: MIT

local EVENTS_MAX = 50000 -- entries that are kept, a few more while Redis trims
local FOLLOW_MS = '604800000' -- how far a source was read is forgotten after a week without news

-- Sets a fact, and tells of it when it is another one than before. kind: "article.published".
local function tell(kind, key, id, revision, text, now)
    if redis.call('SET', key .. id, text, 'GET') == text then return end
    redis.call('XADD', 'events:' .. string.match('@{tell}', '^%a+'), 'MAXLEN', '~', EVENTS_MAX, '0-*',
        'type', kind, 'id', id, 'revision', revision, 'at', string.format('%.0f', now), 'fact', text)
end

-- A fact's revision is its first or second word.
local function fact_revision(text, word)
    return tonumber(string.match(text, word == '1' and '^(%d+)' or '^%d+ (%d+)')) or -1
end

-- Takes another service's facts over: id and text in turn, from the n-th argument on. One whose
-- revision is less than `step` above that of the one here is passed over: they may come in any order and
-- any number of times. A text may change without its revision, as when comments close by the clock;
-- which of two is the newer then follows from the order of events alone.
local function learn(A, n, key, word, step)
    for i = n, #A - 1, 2 do
        local old = redis.call('GET', key .. A[i])
        if not old or (old ~= A[i + 1] and fact_revision(A[i + 1], word) >= fact_revision(old, word) + step) then
            redis.call('SET', key .. A[i], A[i + 1])
        end
    end
end

-- For a call: facts' key, word, id, text.
redis.register_function('@{learn}', function(K, A)
    learn(A, 3, A[1], A[2], 1)
    return 'OK'
end)

-- How far a source was read: the hash follow:SOURCE:RUN of its Redis' run id. at: number of the last
-- event that is here; scan: cursor of the look through all its facts, which goes on beside the
-- events, '' when it is done. Then the events are taken again from where it began (back): what it saw
-- may have been older than what an event had said meanwhile.
local function followed(key)
    local f = redis.call('HMGET', key, 'at', 'scan')
    if not f[1] then return nil end
    return tonumber(f[1]), f[2]
end

local function follow_reply(at, scan)
    return {string.format('%.0f', at), scan}
end

-- Key, what the caller has seen of `at` ('' for no such key), number of the source's last event or ''.
-- Begins anew if nobody else has: all facts will be looked through. Empty: not begun.
redis.register_function('@{begin}', function(K, A)
    local at, scan = followed(A[1])
    if A[3] ~= '' and (not at or A[2] == string.format('%.0f', at)) then
        at, scan = tonumber(A[3]), '0'
        redis.call('HSET', A[1], 'at', A[3], 'back', A[3], 'scan', scan)
        redis.call('PEXPIRE', A[1], FOLLOW_MS)
    end
    if not at then return {} end
    return follow_reply(at, scan)
end)

-- Key, facts' key, word; number of the event before the given ones and of the last of them ('' and ''
-- without events); cursor before and after the given facts ('' and '' of events); then id and text in turn.
-- What another instance has taken over already is passed over. Empty: nothing was begun.
redis.register_function('@{follow}', function(K, A)
    local at, scan = followed(A[1])
    if not at then return {} end
    local from, to = tonumber(A[4]), tonumber(A[5])
    if not to or to > at then learn(A, 8, A[2], A[3], 0) end
    if to and from <= at and to > at then
        at = to
        redis.call('HSET', A[1], 'at', A[5])
    end
    if A[6] ~= '' and A[6] == scan then
        scan = A[7]
        if scan == '' then at = tonumber(redis.call('HGET', A[1], 'back')) end
        redis.call('HSET', A[1], 'scan', scan, 'at', string.format('%.0f', at))
    end
    redis.call('PEXPIRE', A[1], FOLLOW_MS)
    return follow_reply(at, scan)
end)
