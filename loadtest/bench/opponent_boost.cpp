#include "loadtest/bench/opponent_boost.h"

#include <algorithm>
#include <boost/graph/astar_search.hpp>
#include <boost/graph/compressed_sparse_row_graph.hpp>
#include <boost/version.hpp>
#include <cmath>
#include <utility>
#include <vector>

namespace {

struct road {
    double length;
};
using graph = boost::compressed_sparse_row_graph<boost::directedS, boost::no_property, road>;

struct octile : boost::astar_heuristic<graph, double> {
    int w, x, y;
    octile(int width, int goal) : w(width), x(goal % width), y(goal / width) {}
    double operator()(graph::vertex_descriptor v) const {
        int dx = std::abs((int)v % w - x), dy = std::abs((int)v / w - y);
        return std::max(dx, dy) + (std::sqrt(2.0) - 1) * std::min(dx, dy);
    }
};

struct found {};

struct until_goal : boost::default_astar_visitor {
    graph::vertex_descriptor goal;
    explicit until_goal(graph::vertex_descriptor g) : goal(g) {}
    template <class G> void examine_vertex(graph::vertex_descriptor v, const G &) {
        if (v == goal) throw found();
    }
};

} // namespace

struct boost_map {
    int w;
    graph roads;
    std::vector<graph::vertex_descriptor> before;
    std::vector<double> length, estimate;
    std::vector<boost::default_color_type> colour;
};

struct boost_map *boost_map_create(const uint8_t *open, int w, int h) {
    static const int dx[] = {0, 1, 0, -1, 1, 1, -1, -1}, dy[] = {-1, 0, 1, 0, -1, 1, 1, -1};
    auto is_open = [&](int x, int y) { return x >= 0 && y >= 0 && x < w && y < h && open[y * w + x]; };
    std::vector<std::pair<int, int>> edges;
    std::vector<road> lengths;
    for (int cell = 0; cell < w * h; cell++) {
        int x = cell % w, y = cell / w;
        for (int k = 0; k < 8 && is_open(x, y); k++) {
            if (!is_open(x + dx[k], y + dy[k])) continue;
            if (k >= 4 && (!is_open(x + dx[k], y) || !is_open(x, y + dy[k]))) continue;
            edges.emplace_back(cell, (y + dy[k]) * w + x + dx[k]);
            lengths.push_back({k < 4 ? 1 : std::sqrt(2.0)});
        }
    }
    std::size_t cells = (std::size_t)(w * h);
    return new boost_map{w,
                         graph(boost::edges_are_sorted, edges.begin(), edges.end(), lengths.begin(), cells),
                         std::vector<graph::vertex_descriptor>(cells),
                         std::vector<double>(cells),
                         std::vector<double>(cells),
                         std::vector<boost::default_color_type>(cells)};
}

void boost_map_destroy(struct boost_map *m) { delete m; }

double boost_astar(struct boost_map *m, int start, int goal) {
    try {
        auto index = boost::get(boost::vertex_index, m->roads);
        boost::astar_search(m->roads, (graph::vertex_descriptor)start, octile(m->w, goal),
                            boost::weight_map(boost::get(&road::length, m->roads))
                                .predecessor_map(boost::make_iterator_property_map(m->before.begin(), index))
                                .distance_map(boost::make_iterator_property_map(m->length.begin(), index))
                                .rank_map(boost::make_iterator_property_map(m->estimate.begin(), index))
                                .color_map(boost::make_iterator_property_map(m->colour.begin(), index))
                                .visitor(until_goal((graph::vertex_descriptor)goal)));
    } catch (const found &) {
        return m->length[(std::size_t)goal];
    }
    return -1;
}

const char *boost_version(void) { return BOOST_LIB_VERSION; }
