-- once.lua - put in front of every library: a write is decided once, however often it is retried.
-- KEYS[1] answers by resend id (60 s), KEYS[2] answers by Idempotency-Key (24 h; '' for none),
-- ARGV[1] not_after in Redis milliseconds, ARGV[2] hash of the request. A function's own keys and
-- arguments follow from 3 on. decide(now) returns the answer (an array whose first element is a
-- word) and true if it made a record: only then is the answer remembered. All checks stand before
-- the first write, since functions do not roll back.

local function now_ms()
    local t = redis.call('TIME')
    return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function once(K, A, decide)
    local now = now_ms()
    if now > tonumber(A[1]) then return {'late'} end
    local seen = redis.call('GET', K[1])
    if seen then return cmsgpack.unpack(seen) end
    if K[2] ~= '' then
        seen = redis.call('GET', K[2])
        if seen then
            if string.sub(seen, 1, 8) ~= A[2] then return {'other'} end
            return cmsgpack.unpack(string.sub(seen, 9))
        end
    end
    local answer, made = decide(now)
    if made then
        local packed = cmsgpack.pack(answer)
        redis.call('SET', K[1], packed, 'PX', 60000)
        if K[2] ~= '' then redis.call('SET', K[2], A[2] .. packed, 'PX', 86400000) end
    end
    return answer
end
