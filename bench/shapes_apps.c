// What runs on the hosts: Kubernetes' kubelets and API server, services, ML platforms, and the
// devops measurements of the Time Series Benchmark Suite.
#include "shapes.h"

const char *const shape_bounds[] = {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
                                    "0.5",   "1",    "2.5",   "5",    "10",  "+Inf"};
const size_t shape_bound_count = sizeof(shape_bounds) / sizeof(shape_bounds[0]);

#define PODS                                                                                       \
    "namespace:default,kube-system,monitoring pod:web,api,worker,cache,queue container:main,proxy"

static const struct family KUBERNETES[] = {
    {"container_cpu_usage_seconds_total", VALUE_NANOSECONDS, PODS, 0.2},
    {"container_cpu_cfs_throttled_periods_total", VALUE_COUNTER, PODS, 0.2},
    {"container_cpu_cfs_periods_total", VALUE_COUNTER, PODS, 10},
    {"container_memory_working_set_bytes", VALUE_BYTES, PODS, 2e8},
    {"container_memory_rss", VALUE_BYTES, PODS, 1.6e8},
    {"container_memory_cache", VALUE_BYTES, PODS, 9e7},
    {"container_fs_reads_bytes_total", VALUE_COUNTER, PODS, 4000},
    {"container_fs_writes_bytes_total", VALUE_COUNTER, PODS, 9000},
    {"container_network_receive_bytes_total", VALUE_COUNTER, PODS, 20000},
    {"container_network_transmit_bytes_total", VALUE_COUNTER, PODS, 18000},
    {"kube_pod_container_resource_requests", VALUE_CONSTANT, PODS " resource:cpu,memory", 0.5},
    {"kube_pod_container_resource_limits", VALUE_CONSTANT, PODS " resource:cpu,memory", 1},
    {"kube_pod_container_status_restarts_total", VALUE_COUNTER, PODS, 0.0003},
    {"kube_pod_container_status_waiting", VALUE_CONSTANT, PODS, 0},
    {"kube_pod_status_phase", VALUE_CONSTANT,
     "namespace:default,kube-system,monitoring pod:web,api,worker,cache,queue "
     "phase:Pending,Running,Succeeded,Failed,Unknown",
     0},
    {"kube_deployment_spec_replicas", VALUE_CONSTANT,
     "namespace:default,kube-system,monitoring deployment:web,api,worker,cache,queue", 2},
    {"kube_deployment_status_replicas_available", VALUE_NUMBER,
     "namespace:default,kube-system,monitoring deployment:web,api,worker,cache,queue", 2},
    {"kube_node_status_condition", VALUE_CONSTANT,
     "condition:Ready,MemoryPressure,DiskPressure,PIDPressure status:true,false,unknown", 0},
    {"kubelet_running_pods", VALUE_NUMBER, "", 30},
    {"kubelet_pleg_relist_duration_seconds", VALUE_HISTOGRAM, "", 1},
    {"kubelet_runtime_operations_duration_seconds", VALUE_HISTOGRAM,
     "operation_type:container_status,exec_sync,list_containers,pull_image", 2},
    {"apiserver_request_duration_seconds", VALUE_HISTOGRAM,
     "verb:GET,LIST,POST,PUT,WATCH resource:pods,nodes,deployments,configmaps,events", 4},
    {"apiserver_request_total", VALUE_COUNTER,
     "verb:GET,LIST,POST,PUT,WATCH resource:pods,nodes,deployments code:200,201,404,409,500", 3},
    {"etcd_disk_wal_fsync_duration_seconds", VALUE_HISTOGRAM, "", 20},
    {"workqueue_depth", VALUE_NUMBER, "name:deployment,replicaset,endpoint,node,job", 1},
};

static const struct family SERVICE[] = {
    {"http_requests_total", VALUE_COUNTER,
     "method:GET,POST,PUT,DELETE code:200,201,302,400,404,500,503 "
     "path:/,/login,/cart,/items,/search",
     6},
    {"http_request_duration_seconds", VALUE_HISTOGRAM,
     "method:GET,POST path:/,/login,/cart,/items,/search", 12},
    {"http_response_size_bytes", VALUE_SIZES, "path:/,/login,/cart,/items,/search", 12},
    {"http_requests_in_flight", VALUE_NUMBER, "path:/,/login,/cart,/items,/search", 3},
    {"grpc_server_handled_total", VALUE_COUNTER,
     "grpc_method:Get,List,Put,Delete grpc_code:OK,NotFound,Unavailable,Internal", 15},
    {"grpc_server_handling_seconds", VALUE_HISTOGRAM, "grpc_method:Get,List,Put,Delete", 15},
    {"db_pool_connections", VALUE_NUMBER, "state:idle,in_use,waiting db:main,replica", 8},
    {"db_query_duration_seconds", VALUE_HISTOGRAM, "db:main,replica op:select,insert,update", 20},
    {"cache_hits_total", VALUE_COUNTER, "cache:session,item,price", 80},
    {"cache_misses_total", VALUE_COUNTER, "cache:session,item,price", 9},
    {"queue_length", VALUE_NUMBER, "queue:mail,index,audit", 14},
    {"jvm_memory_used_bytes", VALUE_NUMBER, "area:heap,nonheap id:eden,old,meta", 2e8},
    {"jvm_gc_pause_seconds", VALUE_SUMMARY, "gc:young,old", 0.5},
    {"process_cpu_seconds_total", VALUE_SECONDS, "", 0.4},
    {"process_resident_memory_bytes", VALUE_BYTES, "", 4e8},
};

#define GPUS "gpu:0-7 modelName:A100"

static const struct family ML[] = {
    {"DCGM_FI_DEV_GPU_UTIL", VALUE_NUMBER, GPUS, 70},
    {"DCGM_FI_DEV_GPU_TEMP", VALUE_NUMBER, GPUS, 61},
    {"DCGM_FI_DEV_FB_USED", VALUE_NUMBER, GPUS, 61000},
    {"DCGM_FI_DEV_FB_FREE", VALUE_NUMBER, GPUS, 20000},
    {"DCGM_FI_DEV_POWER_USAGE", VALUE_DECIMAL, GPUS, 280},
    {"DCGM_FI_DEV_SM_CLOCK", VALUE_NUMBER, GPUS, 1410},
    {"DCGM_FI_DEV_MEM_COPY_UTIL", VALUE_NUMBER, GPUS, 40},
    {"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", VALUE_RATIO, GPUS, 1},
    {"DCGM_FI_DEV_XID_ERRORS", VALUE_CONSTANT, GPUS, 0},
    {"vllm:num_requests_running", VALUE_NUMBER, "model_name:llama,mistral,qwen", 14},
    {"vllm:num_requests_waiting", VALUE_NUMBER, "model_name:llama,mistral,qwen", 4},
    {"vllm:gpu_cache_usage_perc", VALUE_RATIO, "model_name:llama,mistral,qwen", 1},
    {"vllm:prompt_tokens_total", VALUE_COUNTER, "model_name:llama,mistral,qwen", 4000},
    {"vllm:generation_tokens_total", VALUE_COUNTER, "model_name:llama,mistral,qwen", 900},
    {"vllm:time_to_first_token_seconds", VALUE_HISTOGRAM, "model_name:llama,mistral,qwen", 3},
    {"vllm:time_per_output_token_seconds", VALUE_HISTOGRAM, "model_name:llama,mistral,qwen", 900},
    {"vllm:e2e_request_latency_seconds", VALUE_HISTOGRAM, "model_name:llama,mistral,qwen", 3},
    {"vllm:request_success_total", VALUE_COUNTER,
     "model_name:llama,mistral,qwen finished_reason:stop,length,abort", 1},
    {"request_predict_seconds", VALUE_HISTOGRAM, "model_name:iris,fraud,rank,embed", 9},
    {"ray_node_cpu_utilization", VALUE_RATIO, "SessionName:a", 100},
    {"ray_tasks", VALUE_NUMBER, "State:RUNNING,FINISHED,FAILED,PENDING Name:train,eval", 20},
    {"mlflow_http_request_duration_seconds", VALUE_HISTOGRAM, "method:GET,POST status:200,500", 1},
};

// Hosts of the suite's devops case: ten tags each, of which those that queries use are here.
#define TAGS "region:eu-west-1 os:Ubuntu16.10 team:SF hostname:host_%"
#define PERCENT(name)                                                                              \
    {                                                                                              \
        name, VALUE_NUMBER, TAGS, 50                                                               \
    }
#define BYTES(name)                                                                                \
    {                                                                                              \
        name, VALUE_BYTES, TAGS, 8e9                                                               \
    }
#define COUNT(name)                                                                                \
    {                                                                                              \
        name, VALUE_COUNTER, TAGS, 90                                                              \
    }

static const struct family DEVOPS[] = {
    PERCENT("cpu_usage_user"),
    PERCENT("cpu_usage_system"),
    PERCENT("cpu_usage_idle"),
    PERCENT("cpu_usage_nice"),
    PERCENT("cpu_usage_iowait"),
    PERCENT("cpu_usage_irq"),
    PERCENT("cpu_usage_softirq"),
    PERCENT("cpu_usage_steal"),
    PERCENT("cpu_usage_guest"),
    PERCENT("cpu_usage_guest_nice"),
    BYTES("mem_total"),
    BYTES("mem_available"),
    BYTES("mem_used"),
    BYTES("mem_free"),
    BYTES("mem_cached"),
    BYTES("mem_buffered"),
    PERCENT("mem_used_percent"),
    BYTES("disk_total"),
    BYTES("disk_free"),
    BYTES("disk_used"),
    PERCENT("disk_used_percent"),
    COUNT("diskio_reads"),
    COUNT("diskio_writes"),
    COUNT("diskio_read_bytes"),
    COUNT("diskio_write_bytes"),
    COUNT("diskio_io_time"),
    COUNT("net_bytes_sent"),
    COUNT("net_bytes_recv"),
    COUNT("net_packets_sent"),
    COUNT("net_packets_recv"),
    COUNT("net_err_in"),
    COUNT("net_drop_in"),
    COUNT("kernel_interrupts"),
    COUNT("kernel_context_switches"),
    COUNT("kernel_processes_forked"),
    COUNT("nginx_accepts"),
    COUNT("nginx_requests"),
    PERCENT("nginx_active"),
    PERCENT("nginx_waiting"),
    COUNT("redis_total_commands_processed"),
    COUNT("redis_keyspace_hits"),
    COUNT("redis_keyspace_misses"),
    PERCENT("redis_connected_clients"),
    COUNT("postgresl_xact_commit"),
    COUNT("postgresl_blks_hit"),
    COUNT("postgresl_tup_fetched"),
};

#define SHAPE(variable, name, job, port, families)                                                 \
    const struct shape variable = {name, job, port, families,                                      \
                                   sizeof(families) / sizeof((families)[0])}

SHAPE(shape_kubernetes, "kubernetes", "kubelet", 10250, KUBERNETES);
SHAPE(shape_service, "service", "shop", 8080, SERVICE);
SHAPE(shape_ml, "ml", "ml", 8000, ML);
SHAPE(shape_devops, "devops", "devops", 9273, DEVOPS);

const struct shape *shape_find(struct str name)
{
    static const struct shape *const shapes[] = {&shape_node,       &shape_prometheus,
                                                 &shape_kubernetes, &shape_service,
                                                 &shape_ml,         &shape_devops};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (str_is(name, shapes[i]->name))
            return shapes[i];
    return NULL;
}
