-- functions.lua - the last of the files: what the service may call. SPDX-License-Identifier: MIT

local function reader(name, callback)
    redis.register_function{function_name = name, callback = callback, flags = {'no-writes'}}
end

redis.register_function('@{create}', create)
redis.register_function('@{edit}', edit)
redis.register_function('@{move_to}', move_to)
redis.register_function('@{delete}', delete)
redis.register_function('@{due}', due)
redis.register_function('@{sweep}', sweep)
redis.register_function('@{place}', place)
redis.register_function('@{watchers}', watchers)
redis.register_function('@{cast}', cast)
redis.register_function('@{withdraw}', withdraw)
redis.register_function('@{recount_begin}', recount_begin)
redis.register_function('@{recount_step}', recount_step)
redis.register_function('@{issue}', issue)
redis.register_function('@{migrate}', migrate)
redis.register_function('@{import}', import)
reader('@{read}', read)
reader('@{page}', page)
reader('@{current}', current)
reader('@{states}', states)
reader('@{series}', series)
reader('@{used}', used)
reader('@{export}', export)
reader('@{verify}', verify)
