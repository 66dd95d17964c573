// Would a task be done in time? Questions on their way, and answers until they are fetched.
#include <stdio.h>
#include <string.h>

#include "client/shell/client.h"
#include "os/os.h"

static struct asked *asked_at(struct p2c2r_client *c, p2c2r_question number) {
    return &c->asked[number % SESSION_QUESTIONS_MAX];
}

void p2_question_keep(struct p2c2r_client *c, const struct p2_msg_can_meet_answer *m) {
    struct asked *q = asked_at(c, m->question);
    if (q->number != m->question) return; // newer ones took its place
    q->answered = true;
    p2_here_forecast(c, &q->kind, m);
    q->answer = (p2c2r_forecast){.size = sizeof q->answer,
                                 .can = m->can,
                                 .code = (uint32_t)m->code,
                                 .code_name = p2_err_name(m->code),
                                 .retryable = m->retryable,
                                 .retry_after_us = (int64_t)p2_ns_to_us(m->retry_after_ns),
                                 .p50_us = (int64_t)p2_ns_to_us(m->p50_ns),
                                 .p95_us = (int64_t)p2_ns_to_us(m->p95_ns),
                                 .queue_position = m->queue_position};
    snprintf(q->answer.reason, sizeof q->answer.reason, "%.*s", (int)m->sentence.n, m->sentence.n ? m->sentence.p : "");
}

static p2c2r_status ask(struct p2c2r_client *c, const p2c2r_task *given, p2c2r_question *question) {
    if (!given || !question)
        return p2_client_fail(c, P2C2R_EINVAL, "a question needs a task and a place for its number");
    p2c2r_task task;
    size_t size;
    memcpy(&size, given, sizeof size);
    if (!p2_client_take(&task, sizeof task, given, size))
        return p2_client_fail(c, P2C2R_EINVAL, "set task.size to sizeof(p2c2r_task)");
    struct prepared p = {0};
    p2c2r_status status = p2_task_prepare(c, &task, &p);
    if (status != P2C2R_OK) return status;
    if (!p.deadline_ns) p.deadline_ns = p2_session_timeout_ns(c->session, &p.kind);
    if (!p2_client_is_up(c)) return p2_client_fail(c, P2C2R_EUNREACHABLE, "no coordinator answers at %s", c->url);
    const struct p2_msg_can_meet m = {.question = c->question_last + 1,
                                      .type = p2_str(p.type->name),
                                      .version = p.type->version,
                                      .class_ = (enum p2_class)task.priority,
                                      .deadline_ns = p.deadline_ns,
                                      .payload_size = task.payload_size,
                                      .params = {p.params, p.param_count}};
    struct asked *q = asked_at(c, m.question);
    if (q->number && !q->answered)
        return p2_client_fail(c, P2C2R_EAGAIN, "as many questions are on their way as may be");
    *q = (struct asked){.number = m.question, .kind = p.kind};
    c->question_last++;
    struct session_event ev = {.kind = SESSION_ASK, .u.question = &m};
    p2_client_feed(c, &ev);
    *question = m.question;
    if (!q->answered || q->answer.code != P2_ERR_AGAIN) return P2C2R_OK;
    *q = (struct asked){.number = 0};
    return p2_client_fail(c, P2C2R_EAGAIN, "as many questions are on their way as may be");
}

p2c2r_status p2c2r_can_meet(p2c2r_client *c, const p2c2r_task *task, p2c2r_question *question) {
    return p2_client_enter(c) ? p2_client_leave(c, ask(c, task, question)) : P2C2R_EINVAL;
}

static p2c2r_status answer(struct p2c2r_client *c, p2c2r_question question, p2c2r_forecast *out) {
    size_t size = 0;
    if (out) memcpy(&size, out, sizeof size);
    if (size <= sizeof size || size > 16 * sizeof *out)
        return p2_client_fail(c, P2C2R_EINVAL, "set forecast.size to sizeof(p2c2r_forecast)");
    struct asked *q = asked_at(c, question);
    if (!question || q->number != question)
        return p2_client_fail(c, P2C2R_ENOTFOUND, "that question was never asked, or its answer is no longer kept");
    if (!q->answered) return p2_client_fail(c, P2C2R_EAGAIN, "the answer is not here yet: poll");
    p2_client_give(out, size, &q->answer, sizeof q->answer);
    *q = (struct asked){.number = 0};
    return P2C2R_OK;
}

p2c2r_status p2c2r_answer(p2c2r_client *c, p2c2r_question question, p2c2r_forecast *out) {
    return p2_client_enter(c) ? p2_client_leave(c, answer(c, question, out)) : P2C2R_EINVAL;
}

// What a coordinator may yet change.
static bool may_come(p2c2r_status status) { return status == P2C2R_EAGAIN || status == P2C2R_EUNREACHABLE; }

static p2c2r_status ask_and_wait(struct p2c2r_client *c, const p2c2r_task *task, p2c2r_forecast *out,
                                 int64_t timeout_us) {
    p2c2r_question question = 0;
    p2_ns until = p2_ns_add(p2_clock_now(), timeout_us > 0 ? p2_ns_from_us((uint64_t)timeout_us) : 0);
    c->turned_away = false;
    for (;;) {
        p2c2r_status status = question ? P2C2R_OK : ask(c, task, &question);
        if (status == P2C2R_OK) status = answer(c, question, out);
        if (!may_come(status)) return status;
        if (c->turned_away) return p2_client_fail(c, P2C2R_ECLOSED, "%s", c->away);
        p2_ns now = p2_clock_now();
        if (now >= until)
            return question ? p2_client_fail(c, P2C2R_ETIMEOUT, "the coordinator did not answer in that time") : status;
        p2_client_turn(c, until - now);
    }
}

p2c2r_status p2c2r_can_meet_wait(p2c2r_client *c, const p2c2r_task *task, p2c2r_forecast *out, int64_t timeout_us) {
    return p2_client_enter(c) ? p2_client_leave(c, ask_and_wait(c, task, out, timeout_us)) : P2C2R_EINVAL;
}
