#include "loadtest/bench/opponent_bullet.h"

#include <BulletCollision/CollisionDispatch/btCollisionDispatcherMt.h>
#include <BulletDynamics/ConstraintSolver/btSequentialImpulseConstraintSolverMt.h>
#include <BulletDynamics/Dynamics/btDiscreteDynamicsWorldMt.h>
#include <LinearMath/btThreads.h>
#include <btBulletDynamicsCommon.h>

#include <memory>
#include <vector>

struct bullet {
    float radius;
    int threads = 1;
    btDefaultCollisionConfiguration configuration;
    btDbvtBroadphase broadphase;
    std::unique_ptr<btITaskScheduler> scheduler;
    std::unique_ptr<btCollisionDispatcher> dispatcher;
    std::unique_ptr<btConstraintSolver> solver, pool;
    std::unique_ptr<btDiscreteDynamicsWorld> world;
    std::vector<std::unique_ptr<btCollisionShape>> shapes;
    std::vector<std::unique_ptr<btRigidBody>> bodies;
};

// Islands of contacts are shared out among threads, and a pile is one island: its contacts are, by batches.
static void make_world(struct bullet *b, int threads) {
    b->scheduler.reset(threads > 1 ? btCreateDefaultTaskScheduler() : nullptr);
    if (b->scheduler) {
        b->scheduler->setNumThreads(threads);
        b->threads = b->scheduler->getNumThreads();
        btSetTaskScheduler(b->scheduler.get());
        b->dispatcher.reset(new btCollisionDispatcherMt(&b->configuration, 40));
        auto *pool = new btConstraintSolverPoolMt(b->threads);
        b->pool.reset(pool);
        b->solver.reset(new btSequentialImpulseConstraintSolverMt());
        b->world.reset(new btDiscreteDynamicsWorldMt(b->dispatcher.get(), &b->broadphase, pool, b->solver.get(),
                                                     &b->configuration));
        return;
    }
    b->dispatcher.reset(new btCollisionDispatcher(&b->configuration));
    b->solver.reset(new btSequentialImpulseConstraintSolver());
    b->world.reset(
        new btDiscreteDynamicsWorld(b->dispatcher.get(), &b->broadphase, b->solver.get(), &b->configuration));
}

static void add(struct bullet *b, float mass, btCollisionShape *shape, const btVector3 &place, float friction) {
    btVector3 inertia(0, 0, 0);
    if (mass > 0) shape->calculateLocalInertia(mass, inertia);
    btRigidBody::btRigidBodyConstructionInfo info(mass, nullptr, shape, inertia);
    info.m_startWorldTransform.setIdentity();
    info.m_startWorldTransform.setOrigin(place);
    info.m_friction = friction;
    b->bodies.emplace_back(new btRigidBody(info));
    if (mass > 0) b->bodies.back()->setActivationState(DISABLE_DEACTIVATION);
    b->world->addRigidBody(b->bodies.back().get());
}

struct bullet *bullet_create(const struct bullet_pit *pit, int threads) {
    auto *b = new bullet;
    b->radius = pit->radius;
    make_world(b, threads);
    b->world->setGravity(btVector3(0, -9.81f, 0));
    const btVector3 sides[] = {{0, 1, 0}, {1, 0, 0}, {-1, 0, 0}, {0, 0, 1}, {0, 0, -1}};
    for (const btVector3 &side : sides) {
        b->shapes.emplace_back(new btStaticPlaneShape(side, side.y() > 0 ? 0 : -pit->extent));
        add(b, 0, b->shapes.back().get(), btVector3(0, 0, 0), pit->friction);
    }
    b->shapes.emplace_back(new btSphereShape(pit->radius));
    for (uint32_t i = 0; i < pit->count; i++) {
        const float *p = pit->places + 3 * i;
        add(b, 1, b->shapes.back().get(), btVector3(p[0], p[1], p[2]), pit->friction);
    }
    return b;
}

void bullet_destroy(struct bullet **b) {
    if (!*b) return;
    for (auto &body : (*b)->bodies) (*b)->world->removeRigidBody(body.get());
    (*b)->world.reset();
    if ((*b)->scheduler) btSetTaskScheduler(btGetSequentialTaskScheduler());
    delete *b;
    *b = nullptr;
}

void bullet_step(struct bullet *b, float seconds) { b->world->stepSimulation(seconds, 0); }

double bullet_overlap(const struct bullet *b) {
    double sum = 0;
    uint64_t count = 0;
    btDispatcher *d = b->dispatcher.get();
    for (int i = 0; i < d->getNumManifolds(); i++) {
        const btPersistentManifold *m = d->getManifoldByIndexInternal(i);
        for (int k = 0; k < m->getNumContacts(); k++) {
            double distance = (double)m->getContactPoint(k).getDistance();
            sum -= distance < 0 ? distance : 0;
            count += distance < 0;
        }
    }
    return count ? sum / (double)count / (double)b->radius : 0;
}

int bullet_threads(const struct bullet *b) { return b->threads; }

int bullet_version(void) { return btGetVersion(); }
