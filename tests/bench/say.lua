-- say.lua - wrk's requests for comments, each another one. wrk URL -s say.lua -- SEED
-- SPDX-License-Identifier: MIT
local n, seed = 0, ''

function init(args)
    seed = args[1]
    wrk.method = 'POST'
    wrk.headers['Content-Type'] = 'application/json'
end

function request()
    n = n + 1
    wrk.headers['Idempotency-Key'] = seed .. '-' .. n
    return wrk.format(nil, nil, nil, '{"author_name":"Reader ' .. n .. '","author_email":"r' .. n ..
        '@example.org","body_markdown":"What a boat, said nobody before me. I would cross *every* day if I could, ' ..
        'and on Fridays twice. Number ' .. n .. ' of ' .. seed .. '."}')
end
