-- lists.lua - articles as they are listed. SPDX-License-Identifier: MIT

-- Of the members of the first list after `from`, newest first, those that the second one has too.
-- Looks at no more than 1,000. Returns the last one looked at ('' at the end), then the members.
redis.register_function{function_name = '@{both}', flags = {'no-writes'}, callback = function(K, A)
    local limit, out, last = tonumber(A[2]), {''}, A[1]
    for _ = 1, 10 do
        local some = redis.call('ZRANGE', K[1], last == '' and '+' or '(' .. last, '-', 'BYLEX', 'REV',
            'LIMIT', 0, 100)
        local scores = #some > 0 and redis.call('ZMSCORE', K[2], unpack(some)) or {}
        for i, member in ipairs(some) do
            if scores[i] then out[#out + 1] = member end
            last = member
            if #out > limit + 1 then -- one more than asked for: the list goes on after the one before
                out[#out] = nil
                out[1] = out[#out]
                return out
            end
        end
        if #some < 100 then return out end
    end
    out[1] = last
    return out
end}
