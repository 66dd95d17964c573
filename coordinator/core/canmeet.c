#include "canmeet.h"

#include "coordinator/core/forecast.h"
#include "coordinator/core/state.h"
#include "coordinator/core/submit.h"

static void say_no(const struct coord *c, const struct refusal *r, struct p2_msg_can_meet_answer *out) {
    out->code = r->code;
    out->retryable = p2_err_retryable(r->code);
    out->sentence = p2_str(r->text ? r->text : p2_err_sentence(r->code));
    if (out->retryable) out->retry_after_ns = r->retry_after_ns ? r->retry_after_ns : c->limits.retry_after_ns;
}

// 95 of 100 such tasks have their result by then.
static void compare(struct coord *c, const struct forecast *f, p2_ns deadline_ns, struct p2_msg_can_meet_answer *out) {
    p2_ns span = deadline_ns - c->now;
    out->queue_position = f->ahead;
    out->p50_ns = f->p50_ns;
    out->p95_ns = f->p95_ns;
    out->can = f->p95_ns <= span;
    if (out->can) return;
    const char *text = p2_arena_printf(&c->out->texts, "it may take %llu ms, and the deadline is in %llu ms",
                                       (unsigned long long)(f->p95_ns / P2_MS), (unsigned long long)(span / P2_MS));
    const struct refusal late = {WHY_DEADLINE, P2_ERR_WOULD_MISS_DEADLINE, text, p2_ns_min(f->wait_ns, P2_SEC)};
    say_no(c, &late, out);
}

void canmeet_on_question(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_can_meet *q = &m->u.can_meet;
    const struct p2_msg_task_submit as = {.type = q->type,
                                          .version = q->version,
                                          .class_ = q->class_,
                                          .deadline_ns = q->deadline_ns,
                                          .payload_size = q->payload_size,
                                          .params = q->params};
    if ((unsigned)q->class_ >= P2_CLASSES || q->deadline_ns < 0) {
        session_end(c, s, WHY_NONE, P2_ERR_BAD_MESSAGE, "a question whose class or deadline is none");
        return;
    }
    struct client *cl = client_of(c, s);
    struct admission a = {.type = 0};
    struct p2_msg answer = {.kind = P2_MSG_CAN_MEET_ANSWER};
    answer.u.can_meet_answer.question = q->question;
    if (submit_possible(c, &as, &a) && admit_would(c, cl, &a.demand, &a.refusal)) {
        const struct forecast_of of = {a.type, q->class_, submit_deadline(c, &as, &a), &a.cost};
        const struct forecast f = forecast(c, cl, &of);
        compare(c, &f, of.deadline_ns, &answer.u.can_meet_answer);
    } else {
        say_no(c, &a.refusal, &answer.u.can_meet_answer);
    }
    session_send(c, s, 0, &answer);
    if (P2_CANARY(question_twice) && !answer.u.can_meet_answer.can) session_send(c, s, 0, &answer);
}
