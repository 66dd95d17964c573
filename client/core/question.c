// Questions that are not tasks: each gets exactly one answer, from the coordinator or from here.
#include "base/check.h"
#include "client/core/session_in.h"

static struct question *question_at(const struct session *s, uint32_t i) {
    return (struct question *)&s->questions[(s->question_first + i) % SESSION_QUESTIONS_MAX];
}

// The oldest that has no answer; NULL: none.
static struct question *first_open(const struct session *s) {
    for (uint32_t i = 0; i < s->question_count; i++) {
        if (!question_at(s, i)->given_up) return question_at(s, i);
    }
    return NULL;
}

static void answer_here(struct session *s, uint64_t number, enum p2_err code) {
    struct p2_msg_can_meet_answer *a = &p2_session_act(s, SESSION_DO_ANSWERED)->u.answer;
    a->question = number;
    a->code = code;
    a->retryable = p2_err_retryable(code);
    a->sentence = p2_str(p2_err_sentence(code));
}

void p2_question_ask(struct session *s, const struct p2_msg_can_meet *m) {
    if (s->link != LINK_UP) {
        answer_here(s, m->question, P2_ERR_UNREACHABLE);
    } else if (s->question_count == SESSION_QUESTIONS_MAX) {
        answer_here(s, m->question, P2_ERR_AGAIN);
    } else {
        *question_at(s, s->question_count++) =
            (struct question){.number = m->question, .due_ns = p2_ns_add(s->now_ns, SESSION_ANSWER_NS)};
        p2_session_act_send(s, 0, P2_MSG_CAN_MEET, 0)->u.can_meet = *m;
    }
}

void p2_question_answered(struct session *s, const struct p2_msg_can_meet_answer *m) {
    if (s->link != LINK_UP || !s->question_count) {
        p2_link_fault(s, P2_ERR_UNEXPECTED_MESSAGE);
        return;
    }
    const struct question q = *question_at(s, 0);
    if (m->question != q.number || m->can != (m->code == P2_OK)) {
        p2_link_fault(s, P2_ERR_BAD_MESSAGE);
        return;
    }
    s->question_first = (s->question_first + 1) % SESSION_QUESTIONS_MAX;
    s->question_count--;
    if (!q.given_up) p2_session_act(s, SESSION_DO_ANSWERED)->u.answer = *m;
}

void p2_questions_expire(struct session *s) {
    struct question *q;
    while ((q = first_open(s)) && q->due_ns <= s->now_ns) {
        q->given_up = true;
        answer_here(s, q->number, P2_ERR_DEADLINE_EXCEEDED);
    }
}

void p2_questions_lost(struct session *s) {
    for (uint32_t i = 0; i < s->question_count && !P2_CANARY(question_lost); i++) {
        if (!question_at(s, i)->given_up) answer_here(s, question_at(s, i)->number, P2_ERR_CONNECTION_LOST);
    }
    s->question_count = 0;
}

p2_ns p2_questions_due_ns(const struct session *s) {
    const struct question *q = first_open(s);
    return q ? q->due_ns : P2_NEVER;
}

void p2_questions_check(const struct session *s) {
    P2_CHECK(s->question_count <= SESSION_QUESTIONS_MAX && s->question_first < SESSION_QUESTIONS_MAX);
    P2_CHECK(s->link == LINK_UP || s->question_count == 0);
    for (uint32_t i = 1; i < s->question_count; i++) {
        const struct question *before = question_at(s, i - 1), *q = question_at(s, i);
        P2_CHECK(q->due_ns >= before->due_ns && (!q->given_up || before->given_up));
    }
}
