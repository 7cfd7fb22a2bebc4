-- keep.lua - comments out of a store and into another one, and a look whether lists and records agree;
-- see common/keep.lua. Places are "ARTICLE COMMENT". SPDX-License-Identifier: MIT

local COMMENT_PARTS = {'record', 'public'}

local function comment_parts(id)
    return {names = COMMENT_PARTS, record = keep_hash('record', comment_key(id, '')),
            public = keep_text('public', comment_key(id, ':public'))}
end

-- The comment after a place, thread by thread, in order of time: article, comment ('' where a thread
-- begins); or nil.
local function next_comment(after)
    local article, id = string.match(after, '^(%w+) (%w*)$')
    local found = article and keep_next(thread_key(article, ':all'), id)
    if found then return article, found end
    article = keep_next('comments:threads', article or '')
    return article, ''
end

local function export_comment(after)
    local article, id = next_comment(after)
    if not article then return nil end
    local parts = id ~= '' and comment_parts(id)
    return article .. ' ' .. id,
           parts and #parts.record > 2 and {'comment', id, parts.record, parts.public} or nil
end

local function into_lists(id, article, parent)
    local siblings = parent == '' and thread_key(article, ':roots') or comment_key(parent, ':replies')
    redis.call('ZADD', siblings, 0, id)
    redis.call('ZADD', thread_key(article, ':all'), 0, id)
    redis.call('ZADD', 'comments:recent', 0, id)
    redis.call('ZREMRANGEBYRANK', 'comments:recent', 0, -RECENT_MAX - 1)
end

local function import_comment(item)
    local id, record = item.id, keep_fields(item, 'record')
    if not record.article then return 'refused' end
    if redis.call('EXISTS', comment_key(id, '')) == 1 then return keep_same(item, comment_parts(id)) end
    redis.call('HSET', comment_key(id, ''), unpack(keep_values(item, 'record')))
    local public = keep_values(item, 'public')[1]
    if public then redis.call('SET', comment_key(id, ':public'), public) end
    into_lists(id, record.article, record.parent or '')
    changed(record.article, now_ms())
    return 'added'
end

redis.register_function{function_name = '@{export}', flags = {'no-writes'}, callback = function(_, A)
    return keep_export(A, {export_comment})
end}

redis.register_function('@{import}', function(_, A) return keep_import(A, {comment = import_comment}) end)

-- -- are records and lists right? ------------------------------------------------------------------

local function verify_comment(after, v)
    local article, id = next_comment(after)
    if not article then return nil end
    local place = article .. ' ' .. id
    if id == '' then return place, 0 end
    local record = redis.call('HMGET', comment_key(id, ''), 'article', 'parent')
    v.expect(record[1] == article, 'comment ' .. id .. ' has no record, or one of another article')
    v.expect(redis.call('EXISTS', comment_key(id, ':public')) == 1, 'comment ' .. id .. ' has no text')
    local parent = record[2] or ''
    local siblings = parent == '' and thread_key(article, ':roots') or comment_key(parent, ':replies')
    v.expect(redis.call('ZSCORE', siblings, id), 'comment ' .. id .. ' is not below its parent')
    return place
end

local function verify_thread(after, v)
    local article = keep_next('comments:threads', after)
    if not article then return nil end
    local count = tonumber(string.match(redis.call('GET', 'fact:thread:' .. article) or '', '^%d+'))
    v.expect(count == redis.call('ZCARD', thread_key(article, ':all')),
             'the thread of article ' .. article .. ' is not counted right')
    return article
end

local function verify_recent(after, v)
    local id = keep_next('comments:recent', after)
    if not id then return nil end
    v.expect(redis.call('EXISTS', comment_key(id, '')) == 1, 'comment ' .. id .. ' is in the newest and has no record')
    return id
end

redis.register_function{function_name = '@{verify}', flags = {'no-writes'}, callback = function(_, A)
    return keep_verify(A, {'comments', 'threads', 'newest comments'}, {verify_comment, verify_thread, verify_recent})
end}
